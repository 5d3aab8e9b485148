"""Signing in, staying signed in, and the ends of a session."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import structlog

from services.websocket import green
from services.websocket.connections import Connection, Connections
from services.websocket.frames import EXPIRED, SHUTTING_DOWN, SIGNED_OUT, Frame, encode_event
from services.websocket.presence import Presence
from services.websocket.settings import WebsocketSettings
from shared.caller import Verifier
from shared.errors import NotAuthenticated
from shared.revocations import Revocation
from shared.wire import Authenticated, SessionExpiring, wire_time

log = structlog.get_logger()


class Sessions:
    """Keeps each connection no longer than its token lasts. ``sockets`` is socketio's server."""

    def __init__(
        self,
        connections: Connections,
        presence: Presence,
        verifier: Verifier,
        sockets: Any,
        settings: WebsocketSettings,
    ) -> None:
        self.connections = connections
        self._presence, self._verifier, self._sockets = presence, verifier, sockets
        self._notice_seconds = settings.expiry_notice_seconds
        self._connect_seconds = settings.connect_timeout_seconds
        self._stopping = False
        self._strangers: dict[str, float] = {}  # transports without a session, since when

    def open(self, connection: Connection) -> None:
        if self.connections.add(connection):
            self._presence.arrive(connection.caller.user_id)
        log.info("connected", **_describe(connection))
        if self._stopping:  # once it knows that it is let in
            green.spawn(connection.close_transport, SHUTTING_DOWN)

    def close(self, connection: Connection, reason: str) -> None:
        if self.connections.remove(connection):
            self._presence.leave(connection.caller.user_id)
        seconds = round(time.monotonic() - connection.opened_at, 1)
        log.info("disconnected", reason=reason, seconds=seconds, **_describe(connection))

    def authenticate(self, connection: Connection, token: str) -> Authenticated:
        """Raises NotAuthenticated (also for another person's token) or Unavailable."""
        caller = self._verifier.verify(token)
        if caller.user_id != connection.caller.user_id:
            raise NotAuthenticated("This token is someone else's.")
        self.connections.renew(connection, caller)
        return Authenticated(ok=True, expires_at=wire_time(caller.expires_at))

    def end_revoked(self, revocation: Revocation) -> None:
        found = [c for c in self._list_matching(revocation.session_id, revocation.user_id) if revocation.ends(c.caller)]
        self._end(found, SIGNED_OUT, "signed_out")

    def end_matching(self, session_id: str | None, user_id: str | None) -> int:
        """How many connections were ended."""
        found = self._list_matching(session_id, user_id)
        self._end(found, SIGNED_OUT, "signed_out")
        return len(found)

    def sweep(self) -> None:
        """Warns and ends what expires, and closes transports nobody signed in on. Called each second."""
        now = time.time()
        for connection in self.connections:
            left = connection.caller.expires_at - now
            if left <= 0:
                self._end([connection], EXPIRED, "expired")
            elif left <= self._notice_seconds and not connection.warned:
                connection.warned = True
                expiring = SessionExpiring(expires_at=wire_time(connection.caller.expires_at))
                connection.outbox.offer(encode_event("session.expiring", expiring.model_dump()))
        self._close_strangers()

    def shut_down(self) -> None:
        """Says so to everyone, also to those who still come, and drops their transports."""
        self._stopping = True
        for connection in self.connections:
            connection.close_transport(SHUTTING_DOWN)

    def _list_matching(self, session_id: str | None, user_id: str | None) -> list[Connection]:
        of_session = self.connections.list_of_session(session_id) if session_id else ()
        of_user = self.connections.list_of_user(UUID(user_id)) if user_id else ()
        return list(dict.fromkeys((*of_session, *of_user)))

    def _end(self, connections: list[Connection], last: Frame, reason: str) -> None:
        for connection in connections:
            log.info("session_ended", reason=reason, user_id=str(connection.caller.user_id))
            connection.outbox.offer(last)
            self._sockets.disconnect(connection.id)

    def _close_strangers(self) -> None:
        now = time.monotonic()
        known = {connection.client.sid for connection in self.connections}
        strangers = self._sockets.eio.sockets.keys() - known
        self._strangers = {sid: self._strangers.get(sid, now) for sid in strangers}
        for sid, since in self._strangers.items():
            client = self._sockets.eio.sockets.get(sid)
            if client is not None and now - since > self._connect_seconds:
                log.info("connect_timed_out", transport="websocket" if client.upgraded else "polling")
                client.close(wait=False, abort=True)
                self._sockets.eio.sockets.pop(sid, None)


def _describe(connection: Connection) -> dict[str, str]:
    caller = connection.caller
    return {"user_id": str(caller.user_id), "session_id": caller.session_id, "transport": connection.transport}
