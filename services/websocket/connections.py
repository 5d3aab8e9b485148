"""Who is connected, by person and by session."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from services.websocket.frames import TOO_SLOW, Frame
from services.websocket.outbox import Outbox
from services.websocket.remembered import GROUP, Remembered
from shared.caller import Caller

CONNECTIONS = Gauge("pulse_socket_connections", "Signed-in clients")
PEOPLE = Gauge("pulse_socket_people", "People with at least one client")
WAITING = Gauge("pulse_socket_waiting_events", "Events waiting for slow clients")
TOO_SLOW_CLOSES = Counter("pulse_socket_too_slow_total", "Clients closed because too much waited for them")

Key = TypeVar("Key", bytes, str)

log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Connection:
    """One client of a person. ``client`` is engineio's socket, ``id`` is Socket.IO's."""

    id: str
    caller: Caller
    client: Any
    warned: bool = False
    opened_at: float = field(default_factory=time.monotonic)
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = self.client.queue
        self.outbox.on_overflow = self._too_slow

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
        self._by_user: dict[bytes, tuple[Connection, ...]] = {}  # by their UUID's bytes: hashing a UUID is slow
        self._outboxes: dict[bytes, tuple[Outbox, ...]] = {}  # theirs: fan-out touches nothing else
        self._groups = Remembered[tuple[bytes, ...], Sequence[Outbox]]()  # until somebody comes or leaves
        self._by_session: dict[str, tuple[Connection, ...]] = {}
        CONNECTIONS.set_function(self.__len__)
        PEOPLE.set_function(lambda: len(self._by_user))
        WAITING.set_function(lambda: sum(len(connection.outbox) for connection in self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._by_id.values()))

    def find(self, connection_id: str) -> Connection | None:
        return self._by_id.get(connection_id)

    def list_of_user(self, user_id: UUID) -> tuple[Connection, ...]:
        return self._by_user.get(user_id.bytes, ())

    def list_outboxes(self, people: Sequence[bytes]) -> Sequence[Outbox]:
        """Of all their clients. ``people`` are the bytes of their ids."""
        if len(people) < GROUP:
            return self._find_outboxes(people)
        group = tuple(people)
        found = self._groups.find(group)
        if found is None:
            found = self._find_outboxes(people)
            self._groups.keep(group, found, len(group) + len(found))
        return found

    def _find_outboxes(self, people: Sequence[bytes]) -> list[Outbox]:
        return [outbox for outboxes in map(self._outboxes.get, people) if outboxes for outbox in outboxes]

    def list_of_session(self, session_id: str) -> tuple[Connection, ...]:
        return self._by_session.get(session_id, ())

    def add(self, connection: Connection) -> bool:
        """True when it is the person's first."""
        self._by_id[connection.id] = connection
        self._join(self._by_session, connection.caller.session_id, connection)
        person = connection.caller.user_id.bytes
        first = self._join(self._by_user, person, connection)
        self._outboxes[person] = (*self._outboxes.get(person, ()), connection.outbox)
        self._groups.forget()
        return first

    def remove(self, connection: Connection) -> bool:
        """True when it was the person's last."""
        del self._by_id[connection.id]
        self._leave(self._by_session, connection.caller.session_id, connection)
        person = connection.caller.user_id.bytes
        last = self._leave(self._by_user, person, connection)
        if last:
            del self._outboxes[person]
        else:
            self._outboxes[person] = tuple(one.outbox for one in self._by_user[person])
        self._groups.forget()
        return last

    def renew(self, connection: Connection, caller: Caller) -> None:
        """The same person shows a fresh token, perhaps of another session."""
        self._leave(self._by_session, connection.caller.session_id, connection)
        connection.caller, connection.warned = caller, False
        self._join(self._by_session, caller.session_id, connection)

    @staticmethod
    def _join(index: dict[Key, tuple[Connection, ...]], key: Key, connection: Connection) -> bool:
        """True for the first. Tuples, because nearly everybody has one client, and they are read far more often."""
        there: tuple[Connection, ...] = index.get(key, ())
        index[key] = (*there, connection)
        return not there

    @staticmethod
    def _leave(index: dict[Key, tuple[Connection, ...]], key: Key, connection: Connection) -> bool:
        left = tuple(one for one in index[key] if one is not connection)
        if left:
            index[key] = left
            return False
        del index[key]
        return True
