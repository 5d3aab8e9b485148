"""The database port over PostgREST's RPC, with the ``supabase`` client: a Supabase project without DATABASE_URL."""

from __future__ import annotations

import json
import re
import threading
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import structlog
from postgrest.exceptions import APIError
from supabase import Client, ClientOptions, create_client

from shared.database import NOT_ANSWERING, NOT_MIGRATED, OutcomeUnknown, TookTooLong, refusal
from shared.errors import Malformed, Unavailable

ANSWER_SECONDS = 10.0  # a call that runs on after that is known by its ids when it is repeated
IDLE_SECONDS = 20.0  # shorter than gateways keep a connection: one they have just closed loses a call's answer
NEVER_RAN = ("PGRST000", "PGRST002", "PGRST003", "429")
"""No connection to the database, none free in time, too many at the door (PostgREST, "Errors", group 0)."""
MAY_HAVE_RUN = ("57", "08", "PGRST001")
"""57014 and 57P01 among them; PGRST001 is a connection that broke, perhaps while committing."""
CANCELLED = "57014"
NOT_LET_IN = ("42501", "PGRST3")
POSTGREST = re.compile(r"PGRST\w+|[0-9A-Z]{5}")
"""What PostgREST calls an error: its own codes and SQLSTATEs. A gateway's answer has none, or another."""

log = structlog.get_logger()


class SupabaseDatabase:
    """``url`` is the project's origin, ``secret_key`` its ``sb_secret_…`` key or service_role JWT.

    Its client is made on first use, after a worker's fork, shared by the worker's threads, and never signs anyone in:
    that would change whose rights every later call has.
    """

    def __init__(
        self, url: str, secret_key: str, connections: int = 8, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._url = url
        self._secret_key = secret_key
        self._connections = connections
        self._timeout = httpx.Timeout(answer_seconds, connect=2.0, write=5.0, pool=5.0)
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._http: httpx.Client | None = None
        self._answered = threading.local()  # .status: of this thread's last answer, which the client keeps to itself

    def call(self, function: str, /, **arguments: Any) -> Any:
        plain = {name: _as_json(value) for name, value in arguments.items()}
        try:
            answer = self._made_client().rpc(function, plain).execute().data
        except APIError as error:
            raise _translate(function, error, self._answered.status) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(NOT_ANSWERING) from error
        except httpx.HTTPError as error:  # sent, and no answer came
            raise OutcomeUnknown(NOT_ANSWERING) from error
        except UnicodeEncodeError as error:  # a lone surrogate: no schema of ours lets one through
            raise Malformed() from error
        if isinstance(answer, str):  # every function answers an object, a list or null: this is somebody else's page
            log.error("not_postgrest", function=function)
            raise OutcomeUnknown(NOT_ANSWERING)
        return answer

    def read(self, function: str, seconds: float | None = None, /, **arguments: Any) -> bytes:
        try:
            answer = self.call(function, **arguments)
        except OutcomeUnknown as error:
            if seconds is not None and getattr(error.__cause__, "code", None) == CANCELLED:
                raise TookTooLong(retry_after_seconds=1) from error.__cause__
            raise
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

    def close(self) -> None:
        with self._lock:
            if self._http is not None:
                self._http.close()
            self._http = self._client = None

    def _made_client(self) -> Client:
        with self._lock:
            if self._client is None:
                tls = self._url.startswith("https://")
                # Not HTTP/2: httpcore's connections of that kind break under several threads.
                self._http = httpx.Client(
                    http2=False,
                    timeout=self._timeout,
                    limits=httpx.Limits(
                        max_connections=self._connections,
                        max_keepalive_connections=self._connections,
                        keepalive_expiry=IDLE_SECONDS,
                    ),
                    # HTTPS_PROXY and SSL_CERT_FILE count; a proxy meant for the outside must not see plain calls.
                    trust_env=tls,
                    verify=tls,  # reading all authorities takes a tenth of a second, and plain HTTP asks for none
                    event_hooks={"response": [self._note_status]},
                )
                options = ClientOptions(
                    httpx_client=self._http,
                    auto_refresh_token=False,
                    persist_session=False,
                    postgrest_client_retry=False,
                )
                self._client = create_client(self._url, self._secret_key, options)
            return self._client

    def _note_status(self, response: httpx.Response) -> None:
        self._answered.status = response.status_code


def _as_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _translate(function: str, error: APIError, status: int) -> Exception:
    """By ``error.code`` where the answer is PostgREST's, by ``status`` where it is that of a gateway before it."""
    state = error.code if error.code and POSTGREST.fullmatch(error.code) else str(status)
    details = error.details if isinstance(error.details, str) else None
    if said := refusal(state, error.message, details):
        return said
    if state in NEVER_RAN or state.startswith(("53", "28")):
        return Unavailable(NOT_ANSWERING)
    if state == "PGRST202":
        return Unavailable(NOT_MIGRATED)
    gateway = len(state) == 3
    if state.startswith(MAY_HAVE_RUN) or (gateway and status >= 500):
        log.warning("outcome_unknown", function=function, code=state)
        return OutcomeUnknown(NOT_ANSWERING)
    if state.startswith(NOT_LET_IN) or gateway:
        log.error("supabase_refused", function=function, code=state, hint="check SUPABASE_URL and SUPABASE_SECRET_KEY")
        return Unavailable("The database does not let this service in.")
    return error
