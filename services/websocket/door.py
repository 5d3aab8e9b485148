"""Lets clients in, and answers those at once that want what most want, without a green thread for any of them.

These are the handshakes of new websockets (welcome.py) and plain deliveries (short_road.py). Whoever asks for anything
else, or in an unusual way, or in halves, is handed over to the server's loop with what was read so far, and comes back
after the answer: what there is to say of such requests is said in one place.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from services.websocket import green
from services.websocket.short_road import DeliverRoad
from services.websocket.visit import Visit
from services.websocket.watch import READ, Watch
from services.websocket.welcome import Welcome

ACCEPTS_A_TURN = 16  # of a crowd that comes at once
PAUSE_SECONDS = 0.05  # while the system has no descriptor for a client
SWEEP_SECONDS = 5.0
CLOSE_SECONDS = 0.02

log = structlog.get_logger()


class Door:
    """``listening`` is plain and non-blocking.

    ``most_files``: clients that would take the process past so many descriptors are hung up on. A new descriptor is the
    lowest that is free, so its number tells how many are taken.

    ``services`` watches those that have brought a delivery: in ``watch`` the next one would wait until all of a crowd
    that speaks at once are heard.
    """

    def __init__(self, listening: socket.socket, watch: Watch, road: DeliverRoad, welcome: Welcome) -> None:
        self.listening, self.watch, self.road, self.welcome = listening, watch, road, welcome
        self.services = Watch()
        self.most_files = sys.maxsize
        self.visits: set[Visit] = set()
        self.closing = False
        self._stopped, self._interest = False, 0

    def open(self, hand_over: Callable[[socket.socket, Any, bytes], None]) -> None:
        self.hand_over = hand_over
        self.watch.first = self.listening.fileno()
        self._look_out(True)
        green.spawn(self._sweep)

    def take_back(self, connection: socket.socket, address: Any, data: bytes) -> None:
        Visit(self, connection, address).begin(data)

    def stop(self) -> None:
        self._stopped = True
        self._look_out(False)
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.closing = True
        self.end_silent(float("inf"))
        while self.visits:
            green.sleep(CLOSE_SECONDS)

    def _accept(self, _events: int) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                client, address = self.listening.accept()
            except (BlockingIOError, ConnectionError):  # nobody, or one that hung up in the queue
                return
            except OSError:
                self._look_out(False)  # else it would be told of the same one again and again
                green.call_later(PAUSE_SECONDS, self._look_out, True)
                return
            if client.fileno() >= self.most_files:
                client.close()
                continue
            try:
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Visit(self, client, address).begin()
            except Exception:  # which must not cost all who come after it the door
                log.exception("bug")
                client.close()
            if self.watch.is_due:
                return

    def _look_out(self, wanted: bool) -> None:
        interest = READ if wanted and not self._stopped else 0
        if interest != self._interest:
            self.watch.change(self.listening, self._interest, interest, self._accept)
            self._interest = interest

    def _sweep(self) -> None:
        while True:
            green.sleep(SWEEP_SECONDS)
            self.end_silent(time.monotonic())

    def end_silent(self, now: float) -> None:
        """Those who have said nothing for too long by ``now`` (monotonic)."""
        for visit in [visit for visit in self.visits if visit.until < now and not visit.busy]:
            visit.end()
