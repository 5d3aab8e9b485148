"""One call of a SQL function on one connection, past psycopg's cursors, which cost several times what it costs itself.

``pq`` is psycopg's own layer over libpq. A statement is prepared once on each connection; values go as text, of which
Postgres finds the types by the function's parameters; the answer is taken as the bytes in which it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.types.json import Jsonb

# The statement is not known to the server, or is of a function that looked otherwise then, or went.
OUTDATED = {b"26000", b"0A000", b"42883"}
KNOWN = b"42P05"  # already prepared: by somebody else, behind a pooler that was not declared


class Statement(NamedTuple):
    """``select schema.function(…)``, with its values as ``$1`` for libpq and as ``%s`` for psycopg's cursors.

    ``digest``, of the first, names it on the server: so a name means the same to everybody there.
    """

    numbered: bytes
    marked: bytes
    digest: bytes

    @classmethod
    def of(cls, numbered: bytes, marked: bytes) -> Statement:
        return cls(numbered, marked, sha256(numbered).hexdigest()[:16].encode())


class Connection(psycopg.Connection):
    """``prepared``: names of statements; ``outdated``: how often those before them were given up."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepared: set[bytes] = set()
        self.outdated = 0


def ask(connection: Connection, statement: Statement, values: Sequence[Any]) -> bytes | None:
    """The answer as JSON. Raises psycopg.Error, or UnicodeEncodeError for a lone surrogate."""
    written: list[Any] = [WRITERS.get(type(value), _leave)(value) for value in values]
    if _LEFT in written:
        return ask_plainly(connection, statement, values)
    result = _execute(connection, statement, written)
    if is_outdated(result):  # a migration went by; nothing was done
        connection.prepared.clear()
        connection.outdated += 1
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:  # else the transaction is lost
            result = _execute(connection, statement, written)
    _check(result, ExecStatus.TUPLES_OK)
    return result.get_value(0, 0)


def is_outdated(result: PGresult) -> bool:
    """With a context, it is a bug inside a function that says so."""
    return result.error_field(DiagnosticField.SQLSTATE) in OUTDATED and not result.error_field(DiagnosticField.CONTEXT)


def _execute(connection: Connection, statement: Statement, written: list[Any]) -> PGresult:
    name = b"pulse_%b_%d" % (statement.digest, connection.outdated)
    if name not in connection.prepared:
        prepared = connection.pgconn.prepare(name, statement.numbered)
        if prepared.error_field(DiagnosticField.SQLSTATE) != KNOWN:
            _check(prepared, ExecStatus.COMMAND_OK)
        connection.prepared.add(name)
    return connection.pgconn.exec_prepared(name, written)  # waits in C, without Python's lock


def ask_plainly(connection: psycopg.Connection, statement: Statement, values: Sequence[Any]) -> bytes | None:
    """The same with nothing kept on the connection, and for values of every type that psycopg knows."""
    adapted = [Jsonb(value) if isinstance(value, (dict, list)) else value for value in values]
    result = connection.execute(statement.marked, adapted).pgresult
    return result.get_value(0, 0) if result is not None else None


_LEFT = b"\0"  # no value of which libpq could tell the end


def _leave(_value: object) -> bytes:
    return _LEFT


def _write_text(value: str) -> bytes:
    return value.encode() if "\0" not in value else _LEFT


def _write_json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a number above 64 bits, or half of a surrogate pair
        return _LEFT


WRITERS: dict[type, Callable[[Any], bytes | None]] = {
    type(None): lambda _: None,
    bool: lambda value: b"true" if value else b"false",
    int: lambda value: b"%d" % value,
    str: _write_text,
    UUID: lambda value: str(value).encode(),
    dict: _write_json,
    list: _write_json,
}


def _check(result: PGresult, wanted: ExecStatus) -> None:
    if result.status == wanted:
        return
    if not result.error_field(DiagnosticField.SQLSTATE):  # libpq's own words: the server is not there any more
        raise psycopg.OperationalError(result.get_error_message())
    raise error_from_result(result)
