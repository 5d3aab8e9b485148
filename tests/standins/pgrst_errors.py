"""PostgREST's errors: which SQLSTATE is which HTTP status, and the codes of its own.

docs.postgrest.org, references/errors, *HTTP Status Codes* and *PostgREST Error Codes*.
"""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg

# The longest prefix that fits counts.
STATUSES = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "21000": 500, "23503": 409, "23505": 409, "25": 500, "25006": 405,
    "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "42501": 403, "42883": 404, "42P01": 404,
    "42P17": 500, "53": 503, "53400": 500, "54": 500, "55": 500, "57": 500, "57P01": 503, "58": 500, "F0": 500,
    "HV": 500, "P0": 500, "P0001": 400, "XX": 500,
}  # fmt: skip
OTHER = 400


class PgrstError(Exception):
    """One answer that is no success: ``{"code", "message", "details", "hint"}`` with a status and headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status, self.code = status, code
        self.headers = {"Proxy-Status": f"PostgREST; error={code}", **(headers or {})}
        self.body = {"code": code, "message": message, "details": details, "hint": hint}
        super().__init__(message)


def from_postgres(error: psycopg.Error, *, anonymous: bool) -> PgrstError:
    """What PostgREST answers to an error of the server, or of a connection that broke."""
    state, said = error.sqlstate, error.diag
    if state is None and not isinstance(error, psycopg.OperationalError):
        raise error  # a mistake of this stand-in
    if state is None:
        return PgrstError(
            503, "PGRST001", "Database client error. Retrying the connection.", details=str(error), headers=RETRY
        )
    message = said.message_primary or ""
    if state == "PGRST":
        return _chosen(message, said.message_detail)
    status = _find_status(state, message, anonymous)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return PgrstError(status, state, message, details=said.message_detail, hint=said.message_hint, headers=headers)


def _find_status(state: str, message: str, anonymous: bool) -> int:
    if state == "42501" and anonymous:
        return 401
    if state.startswith("PT"):
        return int(state[2:]) if state[2:].isdigit() else 500
    if state == "22023" and re.fullmatch('role ".*" does not exist', message):
        return 401
    if state == "21000" and message.endswith("requires a WHERE clause"):
        return 400
    return next((STATUSES[state[:size]] for size in (5, 2) if state[:size] in STATUSES), OTHER)


def _chosen(message: str, detail: str | None) -> PgrstError:
    """references/errors, *Add HTTP Headers with RAISE*: the function wrote the whole answer."""
    try:
        body: dict[str, Any] = json.loads(message)
        answer: dict[str, Any] = json.loads(detail or "")
        return PgrstError(
            answer["status"],
            body["code"],
            body["message"],
            details=body.get("details"),
            hint=body.get("hint"),
            headers=answer["headers"],
        )
    except (ValueError, KeyError, TypeError):
        return PgrstError(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error")


RETRY = {"Retry-After": "1"}


def no_function(schema: str, name: str, given: list[str]) -> PgrstError:
    listed = f"({', '.join(given)})" if given else " without parameters"
    return PgrstError(
        404,
        "PGRST202",
        f"Could not find the function {schema}.{name}{listed} in the schema cache",
        details=f"Searched for the function {schema}.{name}{listed}, but no matches were found in the schema cache.",
    )


def no_table(schema: str, name: str) -> PgrstError:
    return PgrstError(404, "PGRST205", f"Could not find the table '{schema}.{name}' in the schema cache")


def bad_body(message: str = "Empty or invalid json") -> PgrstError:
    return PgrstError(400, "PGRST102", message)


def bad_token(code: str, message: str) -> PgrstError:
    described = f'Bearer error="invalid_token", error_description={json.dumps(message)}'
    return PgrstError(401, code, message, headers={"WWW-Authenticate": described})
