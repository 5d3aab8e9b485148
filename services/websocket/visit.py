"""A connection that is at the door: before its first request, between two, or in one that is answered here."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from services.websocket import green
from services.websocket.http_head import read_head
from services.websocket.short_road import Asked, DeliverRoad
from services.websocket.watch import READ, Watch
from services.websocket.welcome import Welcome

READ_BYTES = 65_536

log = structlog.get_logger()


class Door(Protocol):
    watch: Watch
    services: Watch
    road: DeliverRoad
    welcome: Welcome
    visits: set[Visit]
    closing: bool
    hand_over: Callable[[socket.socket, Any, bytes], None]


class Visit:
    """``until``: when it has been silent for too long (monotonic). ``busy``: one of its requests is being answered, and
    nothing more of it is read."""

    __slots__ = (
        "_address", "_asked", "_connection", "_data", "_door", "_here", "_unsent", "_watch", "_watched",
        "busy", "until",
    )  # fmt: skip

    def __init__(self, door: Door, connection: socket.socket, address: Any) -> None:
        self._door, self._connection, self._address = door, connection, address
        self._data: bytes | bytearray = b""
        self._asked: Asked | None = None  # of a delivery whose body is still coming
        self._unsent = b""
        self._watch = door.watch
        self._here, self._watched, self.busy = True, False, False
        self.until = 0.0

    def begin(self, data: bytes = b"") -> None:
        """``data`` was read before."""
        self._door.visits.add(self)
        self._await(green.KEEPALIVE_SECONDS)
        if self._door.closing:
            self.end()
        elif data:
            self._hear(data)
        else:
            self._ready(READ)  # most have spoken by now

    def end(self) -> None:
        if self._here:
            self._leave()
            self._connection.close()

    def _ready(self, _events: int) -> None:
        if self.busy or not self._here:
            self._look_out(False)
            return
        try:
            data = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            self._look_out(True)
            return
        except OSError:
            data = b""
        if data:
            self._hear(data)
        else:
            self.end()

    def _hear(self, data: bytes) -> None:
        self._data += data
        if self._asked is not None and len(self._data) < self._asked.end:
            self._await(green.SOCKET_SECONDS)
            return
        self.busy = True
        road = self._door.road
        is_delivery = self._asked is not None or self._data.startswith(road.beginning)
        if (road.waits and is_delivery) or self._take_safely():
            green.spawn(self._go_on)
        else:
            self._rest()

    def _go_on(self) -> None:
        """In a green thread: answers what came at once, turn by turn, and waits for a client that takes no answer."""
        while self._send_rest() and self._take_safely():
            green.sleep(0)
        self._rest()

    def _rest(self) -> None:
        self.busy = False
        if self._here and self._door.closing:
            self.end()
        elif self._here:
            self._look_out(True)

    def _take_safely(self) -> bool:
        try:
            return self._take()
        except Exception:
            log.exception("bug")
            self.end()
            self._connection.close()  # also where it was on its way to somebody else
            return False

    def _take(self) -> bool:
        """Answers the request that is here. True: there is more to do, and one may have to wait for it."""
        data, self._data = bytes(self._data), b""
        asked, welcome = self._asked, self._door.welcome
        if asked is None:
            if data.startswith(welcome.beginning):
                head = read_head(data)
                if head is not None and welcome.knows(head):
                    self._leave()
                    welcome.let_in(self._connection, head, data[head.length :])
                    return False
            elif data.startswith(self._door.road.beginning):
                asked = self._door.road.measure(data)
        if asked is not None:
            return self._take_delivery(data, asked)
        if data:
            self._hand_over(data)
        return False

    def _take_delivery(self, data: bytes, asked: Asked) -> bool:
        if len(data) < asked.end:
            self._data, self._asked = bytearray(data), asked
            self._await(green.SOCKET_SECONDS)
            return False
        self._asked = None
        answer = self._door.road.answer(asked, data[asked.body : asked.end])
        if answer is None:
            self._hand_over(data)
            return False
        self._data, self._unsent = data[asked.end :], answer
        self._await(green.KEEPALIVE_SECONDS)
        if self._watch is not self._door.services:
            self._look_out(False)
            self._watch = self._door.services
        self._send()
        return self._here and bool(self._unsent or self._data)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._connection.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.end()

    def _send_rest(self) -> bool:
        """False when it is gone."""
        while self._here and self._unsent:
            try:
                green.wait_for_room(self._connection, green.SOCKET_SECONDS)
            except OSError:
                self.end()
            else:
                self._send()
        return self._here

    def _hand_over(self, data: bytes) -> None:
        self._leave()
        self._door.hand_over(self._connection, self._address, data)

    def _leave(self) -> None:
        self._here = False
        self._door.visits.discard(self)
        self._look_out(False)

    def _await(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def _look_out(self, wanted: bool) -> None:
        if wanted != self._watched:
            self._watched = wanted
            before, interest = (0, READ) if wanted else (READ, 0)
            self._watch.change(self._connection, before, interest, self._ready)
