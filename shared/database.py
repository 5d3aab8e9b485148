"""The database port: SQL functions, called by name, and nothing else (docs/architecture.md, Data).

``call("send_messages", messages=[…])`` runs ``public.send_messages(messages => …)`` in one transaction and returns its
``jsonb`` as Python data. Access, locking and errors are inside the functions. Two adapters call them: psycopg
straight to Postgres (``postgres_database``), and PostgREST's RPC (``supabase_database``).
"""

from __future__ import annotations

import json
from typing import Any, Protocol

import structlog

from shared.errors import DatabaseRefusal, Malformed, Unavailable
from shared.settings import DatabaseSettings

NOT_ANSWERING = "The database is not answering. Try again in a moment."
NOT_MIGRATED = "The database lacks functions of this version: it has not been migrated (make migrate)."

log = structlog.get_logger()


class Contention(Unavailable):
    """A lock was not had in time, or a deadlock or a serialization failure was broken up: nothing was written."""

    code, message = "busy", "Others are writing here. Try again in a moment."


class OutcomeUnknown(Unavailable):
    """The connection broke after the call was sent: it may or may not have been committed."""


class TookTooLong(Unavailable):
    """The call was given up after its time limit: nothing was written."""

    code, message = "busy", "That takes too long at the moment. Ask for less, or try again."


class Database(Protocol):
    def call(self, function: str, /, **arguments: Any) -> Any:
        """Raises DatabaseRefusal (the function said no), Contention, OutcomeUnknown or Unavailable."""

    def read(self, function: str, seconds: float | None = None, /, **arguments: Any) -> bytes:
        """The same answer as JSON, for whoever only passes it on.

        ``seconds``: a limit for this call, which the function has for PostgREST too. Raises TookTooLong then.
        """

    def close(self) -> None:
        """Gives the connections back."""


def connect(settings: DatabaseSettings, connections: int) -> Database:
    """Straight to Postgres where DATABASE_URL says how, else by the RPC of SUPABASE_URL. Connects on the first call."""
    if settings.database_url is not None:
        from shared.postgres_database import PostgresDatabase

        return PostgresDatabase(
            settings.database_url.get_secret_value(), connections=connections, pooler=settings.database_pooler
        )
    # Imported only where it is used: the client brings a second's worth of modules.
    from shared.supabase_database import SupabaseDatabase

    assert settings.supabase_url is not None
    assert settings.supabase_secret_key is not None  # both checked with the settings
    return SupabaseDatabase(settings.supabase_url, settings.supabase_secret_key.get_secret_value(), connections)


def refusal(state: str, message: str | None, detail: str | None) -> Exception | None:
    """What a function's own error means, alike for both adapters; None for what is no answer of a function.

    SQLSTATE ``PTxyz`` is HTTP status xyz (PostgREST, "Errors", Raise errors with HTTP Status Codes), ``message`` the
    code and ``detail`` the data as JSON.
    """
    if state.startswith("PT"):
        return DatabaseRefusal(int(state[2:]), message or "refused", json.loads(detail or "{}"))
    if state in ("40001", "40P01", "55P03"):
        return Contention(retry_after_seconds=1)
    if state.startswith("22"):
        # A value no schema of ours should let through (a forged cursor, a NUL): bad input, as PostgREST has it.
        log.warning("value_refused", sqlstate=state, cause=message)
        return Malformed()
    return None
