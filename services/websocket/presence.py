"""Who is online. Several clients and short drops count once; chat is told of changes, gathered for a second.

While chat is away the latest state of each person is kept, and told when it is back.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from services.websocket import green
from shared.errors import Unavailable
from shared.service_client import ServiceRefused
from shared.wire import wire_time

CHANGES_A_POST = 1_000
CHANGES_KEPT = 100_000
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 15.0)

TOLD = Counter("pulse_presence_changes_total", "Changes of online state chat was told")
UNTOLD = Gauge("pulse_presence_waiting_changes", "Changes chat has not been told yet")

log = structlog.get_logger()


class Chat(Protocol):
    def post(self, path: str, body: object) -> object: ...


class Change(NamedTuple):
    user_id: UUID
    online: bool
    at: str


class Roster(Protocol):
    """Who is online anywhere, and which changes of that this process is to tell."""

    def arrive(self, user_id: UUID, at: str) -> None: ...

    def leave(self, user_id: UUID, at: str) -> None: ...

    def take_changes(self) -> list[Change]: ...

    def forget(self, changes: Sequence[Change]) -> None:
        """Chat has been told these."""
        ...

    def list_online(self, user_ids: Iterable[UUID]) -> list[UUID]: ...

    def stop(self) -> None:
        """This process ends; its people are on their way to others, if there are any."""
        ...


class OwnRoster:
    """There is no other process: who is not here is nowhere."""

    def __init__(self) -> None:
        self._online: set[UUID] = set()
        self._changes: list[Change] = []

    def arrive(self, user_id: UUID, at: str) -> None:
        self._online.add(user_id)
        self._changes.append(Change(user_id, True, at))

    def leave(self, user_id: UUID, at: str) -> None:
        self._online.discard(user_id)
        self._changes.append(Change(user_id, False, at))

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def forget(self, changes: Sequence[Change]) -> None:
        """They are nowhere else."""

    def list_online(self, user_ids: Iterable[UUID]) -> list[UUID]:
        return [user_id for user_id in user_ids if user_id in self._online]

    def stop(self) -> None:
        """Nobody is left to tell."""


class Clock(Protocol):
    def __call__(self) -> float: ...


class Presence:
    """``grace_seconds``: how long without any client here a person still counts. ``clock`` is monotonic."""

    def __init__(
        self, chat: Chat, roster: Roster, grace_seconds: float, gather_seconds: float, clock: Clock = time.monotonic
    ) -> None:
        self._chat, self._roster, self._clock = chat, roster, clock
        self._grace_seconds, self._gather_seconds = grace_seconds, gather_seconds
        self._leaving: OrderedDict[UUID, tuple[float, str]] = OrderedDict()  # when the grace ends, when they left
        self._untold: OrderedDict[UUID, Change] = OrderedDict()
        UNTOLD.set_function(lambda: len(self._untold))

    def arrive(self, user_id: UUID) -> None:
        """Their first client is here."""
        if self._leaving.pop(user_id, None) is None:
            self._roster.arrive(user_id, wire_time(time.time()))

    def leave(self, user_id: UUID) -> None:
        """Their last client is gone."""
        self._leaving[user_id] = (self._clock() + self._grace_seconds, wire_time(time.time()))

    def list_online(self, user_ids: Iterable[UUID]) -> list[UUID]:
        return self._roster.list_online(user_ids)

    def gather(self) -> None:
        """Ends the grace of those who did not come back."""
        now = self._clock()
        while self._leaving:
            user_id, (until, left_at) = next(iter(self._leaving.items()))
            if until > now:
                return
            del self._leaving[user_id]
            self._roster.leave(user_id, left_at)

    def tell(self) -> None:
        """Posts what chat does not know yet. Raises Unavailable; nothing is forgotten then."""
        for change in self._roster.take_changes():
            self._note(change)
        while self._untold:
            changes = [self._untold.popitem(last=False)[1] for _ in range(min(CHANGES_A_POST, len(self._untold)))]
            try:
                self._chat.post("/internal/presence", {"changes": [_to_wire(change) for change in changes]})
            except Unavailable:
                for change in reversed(changes):
                    if change.user_id not in self._untold:  # else a newer one came meanwhile
                        self._untold[change.user_id] = change
                        self._untold.move_to_end(change.user_id, last=False)
                raise
            except ServiceRefused as error:
                log.error("presence_refused", changes=len(changes), cause=str(error))
            else:
                TOLD.inc(len(changes))
            self._roster.forget(changes)

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        failures = 0
        while True:
            green.sleep(self._gather_seconds if not failures else RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
            try:
                self.gather()
                self.tell()
                failures = 0
            except Unavailable:
                failures += 1
                if failures == 1:
                    log.warning("presence_not_told", waiting=len(self._untold))
            except Exception:
                failures += 1
                log.exception("presence_not_told")

    def stop(self) -> None:
        """Tells what is known, once."""
        self._roster.stop()
        with suppress(Unavailable):
            self.tell()

    def _note(self, change: Change) -> None:
        self._untold.pop(change.user_id, None)
        self._untold[change.user_id] = change
        while len(self._untold) > CHANGES_KEPT:
            self._untold.popitem(last=False)


def _to_wire(change: Change) -> dict[str, object]:
    return {"user_id": str(change.user_id), "online": change.online, "at": change.at}
