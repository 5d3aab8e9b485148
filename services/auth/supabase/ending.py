"""GoTrue is told, in the background, which sessions are over here, and that it has heard is noted.

What it never hears of stays revoked here, or its refresh tokens would bring new access tokens that count: the sweep
renews such revocations (renew_supabase_revocations).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from services.auth.background import Background
from services.auth.provider import Scope
from services.auth.supabase.errors import FAILURES, is_limited, is_passing
from services.auth.supabase.gotrue import GoTrue
from shared.database import Database
from shared.errors import AppError

WAITS_SECONDS = (1.0, 10.0, 60.0, 300.0)  # before GoTrue is told again
QUEUED = 1_000
HOUR_SECONDS = 3600
ENDED = {
    "session_not_found",
    "session_expired",
    "user_not_found",
    "refresh_token_not_found",
    "refresh_token_already_used",
}
"""GoTrue's words for a session that it knows no more, or will not refresh."""

log = structlog.get_logger()

Waits = tuple[float, ...]
Work = Callable[[Waits], None]


class Ending:
    """``session_id`` is None for a session that is not known here: there is nothing to note of it."""

    def __init__(self, database: Database, gotrue: GoTrue, waits: Waits = WAITS_SECONDS, queued: int = QUEUED) -> None:
        self._database = database
        self._gotrue = gotrue.background
        self._waits = waits
        self._background = Background("supabase sessions", queued)

    def by_access_token(
        self, access_token: str, refresh_token: str | None, session_id: str | None, scope: Scope = "local"
    ) -> None:
        """Soon, and again when GoTrue does not answer; by the refresh token once the access token has run out."""
        self._submit(lambda waits: self._log_out(access_token, refresh_token, session_id, scope, waits), self._waits)

    def by_refresh_token(self, refresh_token: str, session_id: str | None, scope: Scope = "local") -> None:
        self._submit(lambda waits: self._refresh(refresh_token, session_id, scope, waits), self._waits)

    def remind(self, refresh_token: str, session_id: str) -> None:
        """As ``by_refresh_token``, of a session that ended before: once an hour, however often somebody comes."""
        bucket = f"end-of:{session_id}"
        if self._database.call("take_permit", bucket=bucket, permits=1, window_seconds=HOUR_SECONDS)["allowed"]:
            self.by_refresh_token(refresh_token, session_id)

    def note(self, session_id: str | None, scope: Scope = "local") -> None:
        """GoTrue knows that it is over. What is not noted is revoked for longer than it need be."""
        if session_id is None:
            return
        try:
            self._database.call("note_supabase_session_told", session_id=session_id, everywhere=scope == "global")
        except AppError as error:
            log.warning("end_not_noted", session_id=session_id, cause=error.code)

    def close(self, seconds: float) -> None:
        self._background.close(seconds)

    def _log_out(
        self, access_token: str, refresh_token: str | None, session_id: str | None, scope: Scope, waits: Waits
    ) -> None:
        try:
            self._gotrue.client().admin.sign_out(access_token, scope)
        except FAILURES as error:
            if getattr(error, "code", None) == "bad_jwt" and refresh_token is not None:
                self._refresh(refresh_token, session_id, scope, waits)
                return

            def again(rest: Waits) -> None:
                self._log_out(access_token, refresh_token, session_id, scope, rest)

            self._meet(error, session_id, again, waits)
        else:
            self.note(session_id, scope)

    def _refresh(self, refresh_token: str, session_id: str | None, scope: Scope, waits: Waits) -> None:
        """GoTrue ends sessions by access token only: a last one is fetched for that."""
        try:
            session = self._gotrue.client().refresh_session(refresh_token).session
        except FAILURES as error:
            self._meet(error, session_id, lambda rest: self._refresh(refresh_token, session_id, scope, rest), waits)
        else:
            if session is not None:
                self._log_out(session.access_token, session.refresh_token, session_id, scope, waits)

    def _meet(self, error: Exception, session_id: str | None, work: Work, waits: Waits) -> None:
        code = getattr(error, "code", None)
        if code in ENDED:
            log.info("ended_at_gotrue", session_id=session_id, cause=code)
            self.note(session_id)
        elif waits and (is_passing(error) or is_limited(error)):
            self._submit(work, waits[1:], waits[0])
        else:
            log.warning("not_ended_at_gotrue", session_id=session_id, cause=code or type(error).__name__)

    def _submit(self, work: Work, waits: Waits, after_seconds: float = 0.0) -> None:
        if not self._background.submit(lambda: work(waits), after_seconds):
            log.error("not_ended_at_gotrue", cause="too many are waiting")
