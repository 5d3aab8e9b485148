"""How what is asked of one websocket process reaches the clients of all: a port, and the case of a single process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.websocket import fanout
from services.websocket.connections import Connections
from services.websocket.fanout import Addressed
from services.websocket.sessions import Sessions
from shared.web import Check


class Broadcast(Protocol):
    """Raises Unavailable when it can't be promised that every process will do it.

    ``reported``: what it depends on, for ``/readyz`` (docs/decisions/0007). ``waits``: others are asked on the way.
    """

    reported: dict[str, Check]
    waits: bool

    def deliver(self, addressed: Sequence[Addressed]) -> None: ...

    def end_sessions(self, session_id: str | None, user_id: str | None) -> int:
        """How many connections of this process were ended."""
        ...


class OnlyHere:
    """There is no other process."""

    waits = False

    def __init__(self, connections: Connections, sessions: Sessions) -> None:
        self.reported: dict[str, Check] = {}
        self._connections, self._sessions = connections, sessions

    def deliver(self, addressed: Sequence[Addressed]) -> None:
        fanout.deliver(self._connections, addressed)

    def end_sessions(self, session_id: str | None, user_id: str | None) -> int:
        return self._sessions.end_matching(session_id, user_id)
