"""Tells every client that it may have missed something, and not all of them at once: each will ask chat."""

from __future__ import annotations

import random
import time
from collections import deque
from math import ceil

from prometheus_client import Counter, Gauge

from services.websocket import green
from services.websocket.connections import Connection, Connections
from services.websocket.frames import encode_event

RESYNC = encode_event("resync", {})
STEP_SECONDS = 0.05

SENT = Counter("pulse_socket_resyncs_total", "Clients told that they may have missed something")
ROUNDS = Gauge("pulse_socket_resync_rounds", "1 while clients are told so, or are about to be")


class Resyncs:
    """``settle_seconds``: how long after a gap the first client hears of it; by then who is online can be asked again.
    ``spread_seconds``: the last one hears it so long after the first, and nobody twice within that time.
    """

    def __init__(self, connections: Connections, settle_seconds: float, spread_seconds: float) -> None:
        self._connections = connections
        self._settle_seconds, self._spread_seconds = settle_seconds, spread_seconds
        self._wanted = self._running = False

    def tell_all(self) -> None:
        """Everybody who is here, or comes before it is told, will hear it. Asked often, the next round is for all."""
        self._wanted = True
        if not self._running:
            self._running = True
            ROUNDS.set(1)
            green.spawn(self._run)

    def _run(self) -> None:
        try:
            while self._wanted:
                green.sleep(self._settle_seconds)
                self._wanted = False
                began = time.monotonic()
                self._tell()
                green.sleep(max(0.0, began + self._spread_seconds - time.monotonic()))
        finally:
            self._running = False
            ROUNDS.set(0)

    def _tell(self) -> None:
        everybody = list(self._connections)
        random.shuffle(everybody)
        waiting: deque[Connection] = deque(everybody)
        pace = ceil(len(waiting) * STEP_SECONDS / max(self._spread_seconds, STEP_SECONDS))
        while waiting:
            for _ in range(min(pace, len(waiting))):
                waiting.popleft().outbox.offer(RESYNC)
                SENT.inc()
            green.sleep(STEP_SECONDS)
