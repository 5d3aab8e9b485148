"""The database port over psycopg 3: straight to Postgres, the fast way."""

from __future__ import annotations

import copy
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, LiteralString
from urllib.parse import urlsplit

import orjson
import psycopg
import structlog
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.database import NOT_ANSWERING, NOT_MIGRATED, OutcomeUnknown, TookTooLong, refusal
from shared.errors import Malformed, Unavailable
from shared.postgres_calls import Connection, Statement, ask, ask_plainly

POOL_WAIT_SECONDS = 5.0
AWAY_WAIT_SECONDS = 0.2  # while the database is known to be away: waiting threads would starve everything else
AWAY_SECONDS = 3.0
RECONNECT_SECONDS = 2.0  # after so long of trying, whoever wants a connection next starts anew
TRANSACTION_POOLER_PORT = 6543

log = structlog.get_logger()


class PostgresDatabase:
    """psycopg 3 over a pool that opens on first use, so that it is made after a worker's fork.

    ``schema`` holds the functions; ``pooler="transaction"`` (assumed on port 6543) switches prepared statements off.
    """

    def __init__(self, url: str, *, schema: str = "public", connections: int = 8, pooler: str | None = None) -> None:
        transaction_pooler = pooler == "transaction" or _port(url) == TRANSACTION_POOLER_PORT
        self._connections = _Connections(url, connections, prepared=not transaction_pooler)
        self._ask_one = ask_plainly if transaction_pooler else ask
        self._schema = schema
        self._statements: dict[tuple[str, ...], Statement] = {}

    def in_schema(self, schema: str) -> PostgresDatabase:
        """The same connections, functions of another schema."""
        other = copy.copy(self)
        other._schema, other._statements = schema, {}
        return other

    def call(self, function: str, /, **arguments: Any) -> Any:
        answer = self._ask(function, arguments)
        return None if answer is None else orjson.loads(answer)

    def read(self, function: str, seconds: float | None = None, /, **arguments: Any) -> bytes:
        return self._ask(function, arguments, seconds) or b"null"

    def _ask(self, function: str, arguments: dict[str, Any], seconds: float | None = None) -> bytes | None:
        statement = self._statement(function, tuple(arguments))
        sent = False
        try:
            with self._connections.one() as connection:
                sent = True
                with nullcontext() if seconds is None else _limited(connection, seconds):
                    return self._ask_one(connection, statement, tuple(arguments.values()))
        except PoolTimeout as error:
            raise Unavailable(NOT_ANSWERING) from error
        except psycopg.Error as error:
            if seconds is not None and isinstance(error, psycopg.errors.QueryCanceled):
                raise TookTooLong(retry_after_seconds=1) from error
            raise _translate(error, sent) from error
        except UnicodeEncodeError as error:  # a lone surrogate: no schema of ours lets one through
            raise Malformed() from error

    def close(self) -> None:
        self._connections.close()

    def _statement(self, function: str, names: tuple[str, ...]) -> Statement:
        key = (function, *names)
        if key not in self._statements:
            self._statements[key] = Statement.of(
                self._write(function, [f"${n}" for n in range(1, len(names) + 1)], names),
                self._write(function, ["%s"] * len(names), names),
            )
        return self._statements[key]

    def _write(self, function: str, places: list[LiteralString], names: tuple[str, ...]) -> bytes:
        arguments = sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(name), sql.SQL(place))
            for name, place in zip(names, places, strict=True)
        )
        return sql.SQL("select {}({})").format(sql.Identifier(self._schema, function), arguments).as_bytes(None)


class _Connections:
    """The pool, opened on first use, and how long it is worth waiting for."""

    def __init__(self, url: str, size: int, *, prepared: bool) -> None:
        options: dict[str, Any] = {
            "autocommit": True,
            "application_name": "pulse",
            "connect_timeout": 5,
            # Of a host that vanished without a word we hear after some 20 s, not after TCP's quarter of an hour.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 20_000,
        }
        if not prepared:
            options["prepare_threshold"] = None
        self._pool = ConnectionPool(
            url,
            connection_class=Connection,
            kwargs=options,
            min_size=1,
            max_size=size,
            # Its pauses double without end otherwise: after an outage of a minute, another one until it looks again.
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            check=_check_alive,
            name=f"pulse-{os.getpid()}",
        )
        self._opening = threading.Lock()
        self._away_until = float("-inf")

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """Raises PoolTimeout."""
        if self._pool.closed:
            with self._opening:
                if self._pool.closed:
                    self._pool.open()
        away = time.monotonic() < self._away_until
        try:
            connection = self._pool.getconn(AWAY_WAIT_SECONDS if away else POOL_WAIT_SECONDS)
        except PoolTimeout:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise
        try:
            yield connection  # each call is a transaction of its own: there is nothing to commit or roll back here
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        self._pool.close()


@contextmanager
def _limited(connection: psycopg.Connection, seconds: float) -> Iterator[None]:
    """A time limit of one transaction: no pooler hands it on to somebody else. psycopg's own would, after a failure,
    forget what is prepared on the connection."""
    connection.pgconn.exec_(b"begin; set local statement_timeout = %d" % round(seconds * 1000))
    try:
        yield
    finally:
        connection.pgconn.exec_(b"commit")  # of what failed, a rollback


def _check_alive(connection: psycopg.Connection) -> None:
    """An idle connection has nothing to read; if it does, the server has closed it. Costs no round trip."""
    idle = select.poll()  # unlike select() it takes descriptors above 1,023, which a server with many clients has
    idle.register(connection.fileno(), select.POLLIN)
    if idle.poll(0):
        connection.close()  # left open, the pool would take it back as sound and hand it out again for ever
        raise psycopg.OperationalError("closed by the server while idle")


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _translate(error: psycopg.Error, sent: bool) -> Exception:
    state = error.sqlstate or ""
    if said := refusal(state, error.diag.message_primary, error.diag.message_detail):
        return said
    if state[:2] in ("53", "57", "08", "28") or (not state and isinstance(error, psycopg.OperationalError)):
        kind = OutcomeUnknown if sent and not state.startswith(("53", "28")) else Unavailable
        return kind(NOT_ANSWERING)
    if state in ("3F000", "42883") and not error.diag.context:  # with a context it is a bug inside a function
        return Unavailable(NOT_MIGRATED)
    if isinstance(error, psycopg.DataError) and not state:
        log.warning("value_refused", cause=str(error))
        return Malformed()
    return error
