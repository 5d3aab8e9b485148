"""Tells every client that it may have missed something, and not all of them at once: each will ask chat."""

from __future__ import annotations

import random
from collections import deque
from math import ceil

from prometheus_client import Counter

from services.websocket import green
from services.websocket.connections import Connection, Connections
from services.websocket.frames import encode_event

RESYNC = encode_event("resync", {})
STEP_SECONDS = 0.05

SENT = Counter("pulse_socket_resyncs_total", "Clients told that they may have missed something")


class Resyncs:
    """``spread_seconds``: the last client hears it so long after the first."""

    def __init__(self, connections: Connections, spread_seconds: float) -> None:
        self._connections, self._spread_seconds = connections, spread_seconds
        self._waiting: deque[Connection] = deque()
        self._pace = 1
        self._running = False

    def tell_all(self) -> None:
        """Everybody who is here now will hear it; who still waits from the last time, once."""
        waiting = set(self._waiting)
        more = [connection for connection in self._connections if connection not in waiting]
        random.shuffle(more)
        self._waiting.extend(more)
        self._pace = max(self._pace, ceil(len(self._waiting) * STEP_SECONDS / max(self._spread_seconds, STEP_SECONDS)))
        if self._waiting and not self._running:
            self._running = True
            green.spawn(self._tell)

    def _tell(self) -> None:
        while self._waiting:
            for _ in range(min(self._pace, len(self._waiting))):
                self._waiting.popleft().outbox.offer(RESYNC)
                SENT.inc()
            green.sleep(STEP_SECONDS)
        self._running, self._pace = False, 1
