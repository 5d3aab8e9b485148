"""What stands in all tables of a database, and what a clock or chance decides in it."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

LISTED = """
    select n.nspname, c.relname,
           array(
               select a.attname::text from pg_attribute a
               where a.attrelid = c.oid and a.attnum > 0
                 and (a.atttypid = 'timestamptz'::regtype or (c.relname = 'outbox' and a.attname = 'id'))
           )
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'builtin_auth') and c.relkind = 'r'
    order by 1, 2
"""
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z")


def read_tables(owner_url: str, *, clocks: bool = False) -> dict[str, list[Any]]:
    """Each table's rows in an order of their own; with ``clocks`` also the columns a clock or chance decides."""
    with psycopg.connect(owner_url) as owner:
        return {
            f"{schema}.{table}": _read(owner, sql.Identifier(schema, table), [] if clocks else undecided)
            for schema, table, undecided in owner.execute(LISTED).fetchall()
        }


def _read(owner: psycopg.Connection, table: sql.Identifier, leave_out: list[str]) -> list[Any]:
    statement = sql.SQL("select to_jsonb(t) - %s::text[] as row from {} t order by row").format(table)
    return [row for (row,) in owner.execute(statement, [leave_out])]


def without_clocks(answer: Any) -> Any:
    """An answer with every time as its format only, and without the outbox's random ids."""
    if isinstance(answer, dict):
        return {name: "random" if name == "outbox_id" else without_clocks(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [without_clocks(value) for value in answer]
    if isinstance(answer, str) and MOMENT.fullmatch(answer):
        return "YYYY-MM-DDTHH:MM:SS.uuuuuuZ"
    return answer
