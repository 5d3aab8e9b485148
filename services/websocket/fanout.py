"""Deliveries: each event is encoded and framed once, and the same bytes go to every client of every recipient.

Nearly all the time goes into the kernel's ``send``, so nothing else is done for each client that need not be: one
look-up of the person, one read of ``outbox.send``, one write. Whoever can't take bytes now (it polls, it is slow, it
closes) has no ``send``, and the frames wait in its outbox. Several events of a request for the same person are one
write: they are joined once for all who get the same ones.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from prometheus_client import Counter

from services.websocket.connections import Connections
from services.websocket.frames import Frame, encode_event
from services.websocket.outbox import Outbox
from services.websocket.watch import rest
from shared.errors import Malformed
from shared.wire import EVENTS, DeliverRequest

DELIVERABLE = frozenset(EVENTS) - {"session.expiring", "session.ended"}  # those two are this service's own words
TURN_SECONDS = 0.005  # of uninterrupted writing, before reads, pings and slow clients get theirs
WRITES_A_LOOK = 50  # at the clock

DELIVERED = Counter("pulse_socket_deliveries_total", "Events accepted from the other services")
WRITTEN = Counter("pulse_socket_events_written_total", "Events given to clients: written, or waiting to be")

Addressed = tuple[Sequence[bytes], Sequence[Frame]]
"""Frames for people, who are the 16 bytes of their UUIDs."""


def encode(request: DeliverRequest) -> list[Addressed]:
    """Everything as frames. Raises Malformed naming every event that can't be: then nothing may be delivered."""
    problems: list[dict[str, str]] = []
    addressed: list[Addressed] = []
    for i, delivery in enumerate(request.deliveries):
        frames: list[Frame] = []
        for j, event in enumerate(delivery.events):
            place = f"deliveries.{i}.events.{j}"
            if event.event not in DELIVERABLE:
                problems.append({"field": f"{place}.event", "problem": f"unknown event {event.event[:100]!r}"})
                continue
            try:
                frames.append(encode_event(event.event, event.data))
            except ValueError as error:
                problems.append({"field": f"{place}.data", "problem": str(error)})
        addressed.append((tuple(dict.fromkeys(user_id.bytes for user_id in delivery.to)), frames))
    if problems:
        raise Malformed(fields=problems)
    return addressed


def count(addressed: Sequence[Addressed]) -> int:
    """The number of events accepted, counted once for each delivery they stand in, whoever is connected."""
    accepted = sum(len(frames) for _, frames in addressed)
    DELIVERED.inc(accepted)
    return accepted


def deliver(connections: Connections, addressed: Iterable[Addressed]) -> None:
    """Writes to the clients that are here, to each in the order of the request."""
    turn = Turn()
    merged = _merge(addressed)
    if len(merged) == 1:
        to, frames = merged[0]
        _write(connections.list_outboxes(to), frames, turn)
        return
    due: defaultdict[Outbox, list[int]] = defaultdict(list)
    for i, (to, _) in enumerate(merged):
        for outbox in connections.list_outboxes(to):
            due[outbox].append(i)
        turn.rest_if_due()
    alike: defaultdict[tuple[int, ...], list[Outbox]] = defaultdict(list)
    for outbox, indexes in due.items():
        alike[tuple(indexes)].append(outbox)
    for numbers, outboxes in alike.items():
        _write(outboxes, [frame for i in numbers for frame in merged[i][1]], turn)


def _merge(addressed: Iterable[Addressed]) -> list[Addressed]:
    """What one conversation brings several of is mostly for the same people."""
    merged: list[Addressed] = []
    for to, frames in addressed:
        if merged and merged[-1][0] == to:
            merged[-1] = (to, [*merged[-1][1], *frames])
        elif to and frames:
            merged.append((to, frames))
    return merged


class Turn:
    def __init__(self) -> None:
        self._until = time.monotonic() + TURN_SECONDS

    def rest_if_due(self) -> None:
        if time.monotonic() > self._until:
            rest()
            self._until = time.monotonic() + TURN_SECONDS


def _write(outboxes: Sequence[Outbox], frames: Sequence[Frame], turn: Turn) -> None:
    wire = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
    size = len(wire)
    for start in range(0, len(outboxes), WRITES_A_LOOK):
        for outbox in outboxes[start : start + WRITES_A_LOOK]:
            send = outbox.send
            if send is None:
                outbox.keep(frames, 0)
                continue
            try:
                taken = send(wire)
            except OSError as error:
                taken = outbox.refused(error)
            if taken != size:
                outbox.keep(frames, taken)
        turn.rest_if_due()
    WRITTEN.inc(len(outboxes) * len(frames))
