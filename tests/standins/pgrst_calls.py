"""The statements of one request: a function with its arguments cast as declared, or a table.

docs.postgrest.org, references/api/functions and references/api/tables_views.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from werkzeug.wrappers import Request

from tests.standins.pgrst_errors import PgrstError, bad_body
from tests.standins.pgrst_schema import Routine

SINGULAR = "application/vnd.pgrst.object+json"


@dataclass(frozen=True)
class Arguments:
    """By POST the body as it came, by GET texts from the query string."""

    names: list[str]
    body: str | None
    texts: dict[str, str]


def read_arguments(request: Request) -> Arguments:
    """Raises PgrstError PGRST102 (400)."""
    if request.method == "GET":
        texts = {name: value for name, value in request.args.items() if name not in ("select", "limit", "offset")}
        return Arguments(list(texts), None, texts)
    text = read_json(request) or "{}"
    document = json.loads(text)
    return Arguments(list(document) if isinstance(document, dict) else [], text, {})


def read_json(request: Request) -> str:
    """The body, known to be JSON; empty for none."""
    if (request.mimetype or "application/json") != "application/json":
        raise bad_body(f"Content-Type not acceptable: {request.mimetype}")
    try:
        text = request.get_data().decode()
        if text:
            json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise bad_body() from error
    return text


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def call_routine(
    connection: psycopg.Connection, schema: str, routine: Routine, arguments: Arguments, max_rows: int | None
) -> str:
    """The answer as JSON: an array of at most ``max_rows`` for a set, else one value; "null" for void."""
    source, passed, values = _pass_arguments(routine, arguments)
    function = sql.SQL("{}({})").format(sql.Identifier(schema, routine.name), passed)
    if routine.returns_row:
        rows = sql.SQL("select called.* from {}, lateral {} as called").format(source, function)
        value = sql.SQL("to_json(answered)")
    else:
        rows = sql.SQL("select {} as value from {}").format(function, source)
        value = sql.SQL("to_json(answered.value)")
    if routine.returns_void:
        value = sql.SQL("to_json(answered.value::text)")
    if not routine.returns_set:
        statement = sql.SQL("select {} from ({}) as answered").format(value, rows)
    else:
        statement = sql.SQL("select coalesce(json_agg({}), '[]') from ({} limit {}) as answered").format(
            value, rows, max_rows
        )
    row = connection.execute(sql.SQL("select (({}))::text").format(statement), values).fetchone()
    return "null" if row is None or row[0] is None else str(row[0])


def _pass_arguments(routine: Routine, arguments: Arguments) -> tuple[sql.Composable, sql.Composable, list[Any]]:
    """Where they come from, the argument list, and the statement's parameters."""
    if routine.takes_body:
        return sql.SQL("(select) as given"), sql.SQL("%s::" + routine.types[0]), [arguments.body]
    names = arguments.names
    if arguments.body is None:
        casts = [sql.SQL("{} := %s::" + routine.type_of(name)).format(sql.Identifier(name)) for name in names]
        return sql.SQL("(select) as given"), sql.SQL(", ").join(casts), list(arguments.texts.values())
    if not names:
        return sql.SQL("(select) as given"), sql.SQL(""), []
    columns = [sql.SQL("{} " + routine.type_of(name)).format(sql.Identifier(name)) for name in names]
    source = sql.SQL("json_to_record(%s::json) as given({})").format(sql.SQL(", ").join(columns))
    passed = [sql.SQL("{} := given.{}").format(sql.Identifier(name), sql.Identifier(name)) for name in names]
    return source, sql.SQL(", ").join(passed), [arguments.body]


def touch_table(connection: psycopg.Connection, schema: str, table: str, request: Request, max_rows: int | None) -> str:
    """Rows read or, if asked for, written, as a JSON array. Filters: ``column=eq.value``."""
    target, conditions, values = sql.Identifier(schema, table), *_read_filters(request)
    where = sql.SQL(" where ") + conditions if values else sql.SQL("")
    if request.method == "GET":
        change = sql.SQL("select * from {}{} limit {}").format(target, where, max_rows)
        shape = sql.SQL("select coalesce(json_agg(answered), '[]')::text from ({}) as answered")
        return _first(connection, shape.format(change), values)
    # A caller who may write and not read gets nothing back, and needs no right to read.
    returns = "return=representation" in request.headers.get("Prefer", "")
    if request.method == "DELETE":
        change = sql.SQL("delete from {}{}").format(target, where)
    else:
        body = read_json(request)
        document = json.loads(body) if body else None
        if not isinstance(document, dict) or not document:
            raise bad_body()
        columns = sql.SQL(", ").join(map(sql.Identifier, document))
        given = sql.SQL("(select {} from json_populate_record(null::{}, %s::json))").format(columns, target)
        if request.method == "POST":
            change, values = sql.SQL("insert into {} ({}) {}").format(target, columns, given), [body]
        else:
            change = sql.SQL("update {} set ({}) = {}{}").format(target, columns, given, where)
            values = [body, *values]
    if not returns:
        connection.execute(change, values)
        return "[]"
    shape = sql.SQL("with answered as ({} returning *) select coalesce(json_agg(answered), '[]')::text from answered")
    return _first(connection, shape.format(change), values)


def _read_filters(request: Request) -> tuple[sql.Composable, list[str]]:
    filters = {name: value for name, value in request.args.items() if name not in ("select", "limit", "order")}
    if any(not value.startswith("eq.") for value in filters.values()):
        raise PgrstError(400, "PGRST100", "failed to parse filter")
    conditions = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in filters]
    return sql.SQL(" and ").join(conditions), [value.removeprefix("eq.") for value in filters.values()]


def _first(connection: psycopg.Connection, statement: sql.Composed, values: list[str]) -> str:
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return str(row[0])


def answer_rows(request: Request, answer: str) -> str:
    """references/api/resource_representation, *Singular or Plural*: PGRST116 (406) unless there is exactly one row."""
    if SINGULAR not in request.headers.get("Accept", ""):
        return answer
    rows = json.loads(answer)
    if not isinstance(rows, list):
        return answer
    if len(rows) != 1:
        details = f"The result contains {len(rows)} rows"
        raise PgrstError(406, "PGRST116", "Cannot coerce the result to a single JSON object", details=details)
    return json.dumps(rows[0])
