"""One client's websocket: reads what is there, beats, and ends; it has no green thread of its own.

A websocket of a client that polls so far first goes through Engine.IO's upgrade: ``2probe``, ``3probe``, ``5``.
Messages are handed to engineio one after the other. Handling one may wait for other services, so it is done in a
short-lived green thread; until that ends nothing more of this client is read.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from functools import partial
from socket import SHUT_WR
from typing import Any

import structlog
from engineio.exceptions import UnknownPacketError
from engineio.packet import Packet

from services.websocket import green
from services.websocket.frames import Frame, frame, frame_control
from services.websocket.heartbeat import Heartbeat
from services.websocket.incoming import CLOSE, PING, PONG, Incoming, Violation
from services.websocket.outbox import LINGER_SECONDS, Outbox
from services.websocket.watch import READ, WRITE, Watch

# A stock client answers a ping each 25 s, signs in and renews its token each few minutes. Nothing else is of use.
MESSAGES_A_CLIENT = 200
MESSAGES_SECONDS = 10.0
READ_BYTES = 65_536
IGNORED_BYTES = 1_000_000  # of a client that was told goodbye and goes on; it may not have seen that yet

ENGINE_PING, ENGINE_NOOP = Frame("2"), Frame("6")
CONNECT = "40{"  # with what the client has to show, in the default namespace
PROBE, PROBED, PROBE_ANSWER, UPGRADE, ENGINE_PONG = "2probe", "3probe", frame("3probe"), "5", "3"

SignIn = Callable[[Any, str], bool]
"""Lets a client in that says CONNECT, at once. False: nothing was done, and engineio is to have it."""

log = structlog.get_logger()
_buffer = bytearray(READ_BYTES)  # one for all: it is emptied before anybody else's turn
_view = memoryview(_buffer)


class Flood(Exception):
    """More messages than any client of ours sends."""


class Heart(IntEnum):
    RESTING, ASKED, ANSWERED = range(3)


class Site:
    """What the websockets of one process share."""

    def __init__(self, engine: Any, heartbeat: Heartbeat, most_bytes: int, watch: Watch) -> None:
        self.engine, self.heartbeat, self.most_bytes, self.watch = engine, heartbeat, most_bytes, watch
        self.sign_in: SignIn = lambda _client, _packet: False
        self.open = 0


class Websocket:
    """``client`` is engineio's socket."""

    __slots__ = (
        "_awaited", "_busy", "_client", "_count", "_ended", "_goodbye", "_heart", "_ignored", "_incoming", "_interest",
        "_is_new", "_since", "_site", "socket",
    )  # fmt: skip

    def __init__(self, site: Site, client: Any, socket: Any) -> None:
        self._site, self._client, self.socket = site, client, socket
        self._incoming = Incoming(site.most_bytes)
        self._awaited: str | None = None  # of the upgrade; None once this carries the client
        self._is_new = True  # engineio has heard nothing of it yet
        self._busy = False  # a green thread has one of its messages
        self._goodbye = False  # our close frame was sent
        self._ignored = 0  # bytes that came since
        self._ended = False
        self._heart = Heart.RESTING
        self._since, self._count = 0.0, 0
        self._interest = READ

    @property
    def outbox(self) -> Outbox:
        outbox: Outbox = self._client.queue
        return outbox

    def open(self, answer: bytes, data: bytes = b"") -> None:
        """``answer``: the handshake's, and what follows it; ``data``: what the client has said already."""
        client, site = self._client, self._site
        site.open += 1
        site.watch.add(self.socket, self.ready)
        if self._write(answer) != len(answer):
            self.cut()
        elif client.connected:
            client.upgrading, self._awaited = True, PROBE
            site.heartbeat.add(self, site.engine.ping_timeout)
        else:
            client.connected = client.upgraded = True
            self.outbox.carry(self)
            site.heartbeat.add(self)
        if data and not self._ended:
            self._hear(data)

    def ready(self, events: int) -> None:
        """The socket has something, or room. Never raises."""
        try:
            if events & WRITE and not self._ended:
                self.outbox.flush()
            if events & READ and not self._ended:
                self._read()
        except Exception:
            log.exception("bug")
            self.cut()

    # What the outbox asks for

    def await_room(self, wanted: bool) -> None:
        self._look(self._interest | WRITE if wanted else self._interest & ~WRITE)

    def hang_up(self) -> None:
        """Says goodbye, and waits a while for the client's: closing at once could destroy what is on its way."""
        if self._ended:
            return
        self._look((self._interest | READ) & ~WRITE)
        self._say_goodbye(b"")  # which ends it at once where the client is gone
        with suppress(OSError):
            self.socket.shutdown(SHUT_WR)
        green.call_later(LINGER_SECONDS, self.cut)

    def cut(self, *, at_once: bool = False) -> None:
        """``at_once``: called where everybody may hear of it now, and not in the middle of a fan-out."""
        if self._ended:
            return
        self._ended = True
        self._site.open -= 1
        try:
            self._look(0)
        finally:
            self.socket.close()
        if self._awaited is not None:
            self._client.upgrading = False  # it polls on
        else:
            self._close_client("TRANSPORT_CLOSE", at_once=at_once)

    # Pings

    def beat(self) -> float | None:
        """Asks whether the client is there, and ends it when it did not answer the last time."""
        engine = self._site.engine
        if self._ended:
            return None
        if self._awaited is not None:
            self.cut()
            return None
        if self._heart is Heart.ASKED:
            self._close_client("PING_TIMEOUT", abort=False)
            return None
        if self._heart is Heart.ANSWERED:
            self._heart = Heart.RESTING
            if engine.ping_interval > engine.ping_timeout:
                return float(engine.ping_interval - engine.ping_timeout)
        self._heart = Heart.ASKED
        self.outbox.offer(ENGINE_PING)
        return float(engine.ping_timeout)

    # What the client says

    def _read(self) -> None:
        if self._busy:
            self._look(self._interest & ~READ)
            return
        try:
            count = self.socket.recv_into(_buffer)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if not count:
            self._lose()
        elif self._goodbye:
            self._ignored += count
            if self._ignored > IGNORED_BYTES:
                self.cut()
        else:
            self._hear(_view[:count].tobytes())

    def _hear(self, data: bytes) -> None:
        self._incoming.feed(data)
        packet = self._next()
        if packet is not None:
            self._busy = True
            green.spawn(self._work, packet)

    def _work(self, data: str | bytes | None) -> None:
        while data is not None and not self._ended:
            self._receive(data)
            data = self._next()
            if data is not None:
                green.sleep(0)  # hundreds may have come at once, and others have something to say, too
        self._busy = False
        if not self._ended:
            self._look(self._interest | READ)

    def _next(self) -> str | bytes | None:
        """The next message for engineio. What is the websocket's own affair is done on the way."""
        while not self._ended and not self._goodbye:
            try:
                message = self._incoming.next()
                if message is None:
                    return None
                self._check_flood()
            except Violation as violation:
                self._say_goodbye(struct.pack("!H", violation.status) + violation.text.encode())
                self._leave("TRANSPORT_ERROR", violation)
                return None
            except Flood as flood:
                self._leave("TRANSPORT_ERROR", flood)
                return None
            opcode, data = message
            if opcode == PING:
                self._control(frame_control(PONG, data))
            elif opcode == CLOSE:
                self._say_goodbye(data[:2])
                self._leave("TRANSPORT_CLOSE")
            elif opcode == PONG:
                pass
            elif self._awaited is not None:
                self._upgrade(data)
            elif data == ENGINE_PONG:
                self._heart, self._client.last_ping = Heart.ANSWERED, None
            elif not (self._is_new and data[:3] == CONNECT and self._site.sign_in(self._client, data)):
                self._is_new = False  # what it says next may depend on what becomes of this
                packet: str | bytes = data
                return packet
        return None

    def _receive(self, data: str | bytes) -> None:
        with suppress(UnknownPacketError):
            try:
                self._client.receive(Packet(encoded_packet=data))
            except UnknownPacketError:
                raise
            except Exception as error:
                self._leave("TRANSPORT_ERROR", error)

    def _check_flood(self) -> None:
        now = time.monotonic()
        if now - self._since > MESSAGES_SECONDS:
            self._since, self._count = now, 0
        if self._count >= MESSAGES_A_CLIENT:
            raise Flood()
        self._count += 1

    def _upgrade(self, data: str | bytes) -> None:
        client = self._client
        if client.closed or client.upgraded:
            self._leave("TRANSPORT_CLOSE")
        elif self._awaited == PROBE and data == PROBE:
            self._awaited = UPGRADE
            self._write(PROBE_ANSWER)
            self.outbox.offer(ENGINE_NOOP)  # ends the poll under way
        elif self._awaited == UPGRADE and data[:1] == UPGRADE:
            self._awaited, client.upgraded, client.upgrading = None, True, False
            self.outbox.carry(self)
        else:
            self._leave("TRANSPORT_CLOSE")

    # Its end

    def _lose(self) -> None:
        if self._awaited is None:
            self.outbox.abandon()
        self.cut(at_once=True)  # thousands may go at the same moment: in green threads they would all have one turn

    def _leave(self, reason: str, why: Exception | None = None) -> None:
        if why is not None and not self._client.closed:
            # Only the kind of error: its text may quote the packet, and that may hold a token.
            log.info("transport_broken", cause=type(why).__name__)
        if self._awaited is None:
            self._say_goodbye(b"")  # from here on what it says is not kept
            self.outbox.finish(None, drop=True)
            self._close_client(reason)
        else:
            self.hang_up()

    def _close_client(self, reason: str, *, abort: bool = True, at_once: bool = False) -> None:
        if not self._client.closed:
            close = partial(self._client.close, abort=abort, reason=getattr(self._site.engine.reason, reason))
            if at_once:
                close(wait=False)
            else:
                green.spawn(close, wait=False)

    def _say_goodbye(self, data: bytes) -> None:
        if not self._goodbye:
            self._goodbye = True
            self._control(frame_control(CLOSE, data))

    def _control(self, wire: bytes) -> None:
        if self._awaited is None:
            self.outbox.write_control(wire)
        else:
            self._write(wire)

    def _write(self, wire: bytes) -> int:
        try:
            return int(self.socket.send(wire))
        except OSError:
            return 0

    def _look(self, interest: int) -> None:
        if interest != self._interest:
            self._site.watch.change(self.socket, self._interest, interest, self.ready)
            self._interest = interest
