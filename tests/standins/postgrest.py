"""A small stand-in for PostgREST: its documented wire for functions, over a real Postgres.

References are pages of docs.postgrest.org, references/…; ``test_postgrest*.py`` try their cases. Kept out: OpenAPI,
embedding, ranges, CSV, overloads told apart by type. Of tables it knows what it takes to see who may do what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from werkzeug.wrappers import Request, Response

from tests.standins.pgrst_calls import answer_rows, call_routine, read_arguments, touch_table
from tests.standins.pgrst_errors import RETRY, PgrstError, from_postgres
from tests.standins.pgrst_pool import Pool
from tests.standins.pgrst_schema import SchemaCache
from tests.standins.pgrst_tokens import Tokens, find_role

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Config:
    """references/configuration, under the same names; ``url`` logs in as ``authenticator``."""

    url: str
    jwt_secret: str | None = None
    jwks: dict[str, Any] = field(default_factory=lambda: {"keys": []})
    schema: str = "public"
    anon_role: str | None = "anon"
    max_rows: int | None = None
    pool: int = 10
    pool_acquisition_seconds: float = 10.0
    verbose_errors: bool = True


class PostgREST:
    """The WSGI application. ``reload()`` is ``notify pgrst, 'reload schema'``."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._pool = Pool(config.url, config.pool, config.pool_acquisition_seconds)
        self._tokens = Tokens(config.jwt_secret, config.jwks)
        self._schema: SchemaCache | None = None
        with suppress(PgrstError):  # it starts without its database, too, and answers PGRST002
            self.reload()

    def reload(self) -> None:
        with self._pool.connection() as connection:
            self._schema = SchemaCache(connection, self.config.schema)

    def close(self) -> None:
        self._pool.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self._answer(Request(environ))
        except PgrstError as error:
            shown = error.body if self.config.verbose_errors else {key: error.body[key] for key in ("code", "message")}
            response = Response(json.dumps(shown), error.status, error.headers, content_type=JSON)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        claims = self._tokens.read(request.headers.get("Authorization"))
        role = find_role(claims, self.config.anon_role)
        schema = self._get_schema()
        self._check_profile(request)
        kind, _, name = request.path.strip("/").partition("/")
        if kind == "rpc" and name:
            return self._call(request, schema, name, role, claims)
        if not kind:
            raise PgrstError(404, "PGRST126", "Root endpoint metadata is disabled")
        if name:
            raise PgrstError(404, "PGRST125", "Invalid path specified in request URL")
        return self._touch(request, schema, kind, role, claims)

    def _call(self, request: Request, schema: SchemaCache, name: str, role: str, claims: dict[str, Any]) -> Response:
        if request.method not in ("GET", "POST"):
            raise PgrstError(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        by_post = request.method == "POST"
        arguments = read_arguments(request)
        routine = schema.get_routine(name, arguments.names, by_post=by_post)
        body = self._in_transaction(
            request,
            schema,
            role,
            claims,
            read_only=not (by_post and routine.may_write),
            settings=routine.hoisted,
            work=lambda connection: answer_rows(
                request, call_routine(connection, schema.schema, routine, arguments, self.config.max_rows)
            ),
        )
        if routine.returns_void:
            return Response(status=204)
        return Response(body, content_type=JSON)

    def _touch(self, request: Request, schema: SchemaCache, table: str, role: str, claims: dict[str, Any]) -> Response:
        if request.method not in ("GET", "POST", "PATCH", "DELETE"):
            raise PgrstError(405, "PGRST117", f"Unsupported HTTP method: {request.method}")
        schema.check_table(table)
        reads = request.method == "GET"
        rows = self._in_transaction(
            request,
            schema,
            role,
            claims,
            read_only=reads,
            settings={},
            work=lambda connection: answer_rows(
                request, touch_table(connection, schema.schema, table, request, self.config.max_rows)
            ),
        )
        if reads or "return=representation" in request.headers.get("Prefer", ""):
            return Response(rows, 201 if request.method == "POST" else 200, content_type=JSON)
        return Response(status=201 if request.method == "POST" else 204)

    def _in_transaction(
        self,
        request: Request,
        schema: SchemaCache,
        role: str,
        claims: dict[str, Any],
        *,
        read_only: bool,
        settings: dict[str, str],
        work: Callable[[psycopg.Connection], str],
    ) -> str:
        """references/transactions: one READ COMMITTED transaction a request, its role and settings local to it."""
        local = {
            "search_path": f'"{schema.schema}"',
            **schema.settings_of(role),
            "role": role,
            "request.jwt.claims": json.dumps({**claims, "role": role}),
            "request.method": request.method,
            "request.path": request.path,
            "request.headers": json.dumps({name.lower(): value for name, value in request.headers.items()}),
            "request.cookies": json.dumps(request.cookies.to_dict()),
            **settings,
        }
        with self._pool.connection() as connection:
            try:
                connection.execute(sql.SQL("begin isolation level read committed {}").format(ACCESS[read_only]))
                # All in one statement, as PostgREST does it.
                calls = sql.SQL(", ").join([SET_CONFIG] * len(local))
                words = [word for setting in local.items() for word in setting]
                connection.execute(sql.SQL("select {}").format(calls), words)
                answer = work(connection)
                connection.execute("commit")
            except psycopg.Error as error:
                _undo(connection)
                raise from_postgres(error, anonymous=role == self.config.anon_role) from error
            except PgrstError:
                _undo(connection)
                raise
            return answer

    def _get_schema(self) -> SchemaCache:
        if self._schema is None:
            with suppress(PgrstError):
                self.reload()
        if self._schema is None:
            raise PgrstError(
                503, "PGRST002", "Could not query the database for the schema cache. Retrying.", headers=RETRY
            )
        return self._schema

    def _check_profile(self, request: Request) -> None:
        """references/api/schemas, *Restricted schemas*."""
        header = "Accept-Profile" if request.method in ("GET", "HEAD") else "Content-Profile"
        wanted = request.headers.get(header, self.config.schema)
        if wanted != self.config.schema:
            exposed = f"Only the following schemas are exposed: {self.config.schema}"
            raise PgrstError(406, "PGRST106", f"Invalid schema: {wanted}", hint=exposed)


SET_CONFIG = sql.SQL("set_config(%s, %s, true)")
ACCESS = {True: sql.SQL("read only"), False: sql.SQL("read write")}


def _undo(connection: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        connection.execute("rollback")
