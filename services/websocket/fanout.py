"""Deliveries: each event is encoded and framed once, and the same bytes go to every client of every recipient."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from prometheus_client import Counter

from services.websocket import green
from services.websocket.connections import Connections
from services.websocket.frames import Frame, encode_event
from shared.errors import Malformed
from shared.wire import EVENTS, DeliverRequest

DELIVERABLE = frozenset(EVENTS) - {"session.expiring", "session.ended"}  # those two are this service's own words
TURN_SECONDS = 0.005  # of uninterrupted writing, before reads, pings and slow clients' writers get theirs

DELIVERED = Counter("pulse_socket_deliveries_total", "Events accepted from the other services")
WRITTEN = Counter("pulse_socket_events_written_total", "Events given to clients: written, or waiting to be")

Addressed = tuple[Sequence[int], Sequence[Frame]]
"""Frames for people, who are the numbers of their UUIDs."""


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
        addressed.append((tuple(dict.fromkeys(user_id.int for user_id in delivery.to)), frames))
    if problems:
        raise Malformed(fields=problems)
    return addressed


def count(addressed: Sequence[Addressed]) -> int:
    """The number of events accepted, counted once for each delivery they stand in, whoever is connected."""
    accepted = sum(len(frames) for _, frames in addressed)
    DELIVERED.inc(accepted)
    return accepted


def deliver(connections: Connections, addressed: Iterable[Addressed]) -> None:
    """Writes to the clients that are here."""
    written = 0
    until = time.monotonic() + TURN_SECONDS
    for to, frames in addressed:
        for number in to:
            for connection in connections.list_of_user(number):
                outbox = connection.outbox
                for frame in frames:
                    outbox.offer(frame)
                written += len(frames)
            if time.monotonic() > until:
                green.sleep(0)
                until = time.monotonic() + TURN_SECONDS
    WRITTEN.inc(written)
