"""Who is connected, by person and by session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from services.websocket.frames import TOO_SLOW, Frame
from services.websocket.outbox import Outbox
from shared.caller import Caller

CONNECTIONS = Gauge("pulse_socket_connections", "Signed-in clients")
PEOPLE = Gauge("pulse_socket_people", "People with at least one client")
WAITING = Gauge("pulse_socket_waiting_events", "Events waiting for slow clients")
TOO_SLOW_CLOSES = Counter("pulse_socket_too_slow_total", "Clients closed because too much waited for them")

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Connection:
    """One client of a person. ``client`` is engineio's socket, ``id`` is Socket.IO's."""

    id: str
    caller: Caller
    client: Any
    warned: bool = False
    opened_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.outbox.on_overflow = self._too_slow

    @property
    def outbox(self) -> Outbox:
        outbox: Outbox = self.client.queue
        return outbox

    @property
    def transport(self) -> str:
        return "websocket" if self.client.upgraded else "polling"

    def close_transport(self, last: Frame, *, drop: bool = False) -> None:
        """Says ``last`` if the client takes it, then drops its transport: a stock client comes back by itself."""
        self.outbox.finish(last, drop=drop, then=lambda: self.client.close(wait=False, abort=True))

    def _too_slow(self) -> None:
        TOO_SLOW_CLOSES.inc()
        log.warning("too_slow", user_id=str(self.caller.user_id), transport=self.transport, waiting=len(self.outbox))
        self.close_transport(TOO_SLOW, drop=True)


class Connections:
    """Every signed-in client of this process."""

    def __init__(self) -> None:
        self._by_id: dict[str, Connection] = {}
        self._by_user: dict[int, dict[str, Connection]] = {}  # by their UUID's number: hashing a UUID is slow
        self._by_session: dict[str, dict[str, Connection]] = {}
        CONNECTIONS.set_function(self.__len__)
        PEOPLE.set_function(lambda: len(self._by_user))
        WAITING.set_function(lambda: sum(len(connection.outbox) for connection in self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._by_id.values()))

    def find(self, connection_id: str) -> Connection | None:
        return self._by_id.get(connection_id)

    def list_of_user(self, number: int) -> tuple[Connection, ...]:
        """``number``: ``user_id.int``."""
        of_user = self._by_user.get(number)
        return tuple(of_user.values()) if of_user else ()

    def list_of_session(self, session_id: str) -> tuple[Connection, ...]:
        return tuple(self._by_session.get(session_id, {}).values())

    def add(self, connection: Connection) -> bool:
        """True when it is the person's first."""
        self._by_id[connection.id] = connection
        of_user = self._by_user.setdefault(connection.caller.user_id.int, {})
        of_user[connection.id] = connection
        self._by_session.setdefault(connection.caller.session_id, {})[connection.id] = connection
        return len(of_user) == 1

    def remove(self, connection: Connection) -> bool:
        """True when it was the person's last."""
        del self._by_id[connection.id]
        self._leave(self._by_session, connection.caller.session_id, connection)
        return self._leave(self._by_user, connection.caller.user_id.int, connection)

    def renew(self, connection: Connection, caller: Caller) -> None:
        """The same person shows a fresh token, perhaps of another session."""
        self._leave(self._by_session, connection.caller.session_id, connection)
        connection.caller, connection.warned = caller, False
        self._by_session.setdefault(caller.session_id, {})[connection.id] = connection

    @staticmethod
    def _leave(index: dict[Any, dict[str, Connection]], key: Any, connection: Connection) -> bool:
        del index[key][connection.id]
        if index[key]:
            return False
        del index[key]
        return True
