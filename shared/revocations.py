"""Sessions that ended before their access token did. Every chat and websocket process reads auth's list each second.

While auth is away the process goes on with what it has, and ``/readyz`` says so (docs/architecture.md, Identity).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from shared.caller import Caller
from shared.errors import NotAuthenticated, Unavailable
from shared.service_client import ServiceRefused
from shared.tokens import Revocations

POLL_SECONDS = 1.0
STALE_SECONDS = 10.0  # after so long without an answer the list counts as not ready

log = structlog.get_logger()


@dataclass(frozen=True)
class Revocation:
    """Ends tokens of one session, or of one user, that were issued before ``not_before`` (Unix seconds)."""

    session_id: str | None
    user_id: str | None
    not_before: float
    expires_at: float

    @classmethod
    def from_wire(cls, row: dict[str, Any]) -> Revocation:
        return cls(
            session_id=row.get("session_id"),
            user_id=row.get("user_id"),
            not_before=datetime.fromisoformat(row["not_before"]).timestamp(),
            expires_at=datetime.fromisoformat(row["expires_at"]).timestamp(),
        )

    def ends(self, caller: Caller) -> bool:
        same = caller.session_id == self.session_id or str(caller.user_id) == self.user_id
        return same and caller.issued_at <= self.not_before


class Source(Protocol):
    """Where the list comes from: auth over HTTP, or, in auth itself, the database."""

    def get(self, path: str, **query: Any) -> dict[str, Any]: ...


class RevocationList(Revocations):
    """``on_revoked`` is called once for each new row, so that open sockets can be closed."""

    def __init__(
        self,
        auth: Source,
        on_revoked: Callable[[Revocation], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._auth = auth
        self._on_revoked = on_revoked
        self._clock = clock
        self._rows: dict[str, Revocation] = {}
        self._position: int = 0
        self._read_at = float("-inf")
        self._started = False

    def check(self, caller: Caller) -> None:
        for key in (caller.session_id, str(caller.user_id)):
            row = self._rows.get(key)
            if row is not None and row.ends(caller):
                raise NotAuthenticated("This session has ended.", reason="signed_out")

    def read(self) -> None:
        """Asks auth once for what is new. Raises Unavailable or ServiceRefused."""
        answer = self._auth.get("/revocations", after=self._position)
        now = self._clock()
        for item in answer["revocations"]:
            row = Revocation.from_wire(item)
            key = row.session_id or row.user_id
            if key is not None and row.expires_at > now:
                # auth reads in several request threads: an older answer that comes late must not undo a newer one.
                held = self._rows.get(key)
                if held is None or row.not_before >= held.not_before:
                    self._rows[key] = row
                self._on_revoked(row)
        self._position = max(self._position, int(answer["position"]))
        self._read_at = now
        for key in [key for key, row in list(self._rows.items()) if row.expires_at <= now]:
            self._rows.pop(key, None)  # another thread may have been quicker

    def start(self) -> None:
        """Polls in a thread from now on; called in each worker after the fork."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._poll, name="revocations", daemon=True).start()

    def _poll(self) -> None:
        said = False  # once is enough for each time auth is away
        while True:
            try:
                self.read()
                said = False
            except (Unavailable, ServiceRefused) as error:
                if not said and self._clock() - self._read_at > STALE_SECONDS:
                    log.warning("revocations_not_read", cause=str(error))
                    said = True
            except Exception:
                log.exception("revocations_not_read")
            time.sleep(POLL_SECONDS)

    def check_fresh(self) -> None:
        """For ``/readyz``: raises Unavailable when the list is old."""
        if self._clock() - self._read_at > STALE_SECONDS:
            raise Unavailable("auth has not been heard for a while: sign-outs may count late")
