"""What one client is still to receive, in order, and never more than its bound.

engineio takes it for the queue of its socket (``put``, ``get``). While the client polls, ``get`` hands packets to
polls. Once a websocket carries the client, whoever asks with ``get`` is engineio's writer: it stays inside
and sends. From then on a packet that finds nothing waiting is written at once, in the green thread of whoever has
it; only what the kernel does not take (all of it, or the rest of a frame) waits for the writer. Nothing here
switches green threads between looking and writing, so packets cannot overtake each other and frames cannot mix.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty
from socket import SHUT_RDWR
from typing import Any, Protocol

from services.websocket import green
from services.websocket.frames import Frame

LINGER_SECONDS = 2.0  # what a closing client is given to take its last words
FRAMES_A_WRITE = 64  # under IOV_MAX
FRAMES_A_POLL = 16  # Python's stock client refuses a payload of more


class EnginePacket(Protocol):
    def encode(self) -> str | bytes: ...


@dataclass(frozen=True, slots=True)
class Limits:
    events: int
    bytes: int


class Outbox:
    """``on_overflow`` is called once when more than ``limits`` waits; it should ``finish``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._sent = 0  # bytes of the first frame that the websocket has already taken
        self._socket: Any = None  # the plain non-blocking socket under the websocket
        self._polled = 0  # packets the poll under way has been given
        self._carried: Callable[[], bool] = _not_yet
        self._live = False
        self._open = True
        self._bell = green.Bell()
        self._then: Callable[[], None] | None = None
        self.on_overflow: Callable[[], None] = lambda: self.finish(None, drop=True)

    def __len__(self) -> int:
        return len(self._frames)

    # The sending side

    def offer(self, frame: Frame) -> None:
        """Sends ``frame`` now or later; after ``finish`` and for a broken client it does nothing."""
        if not self._open:
            return
        if self._live and not self._frames:
            taken = self._send([frame.wire])
            if taken == len(frame.wire) or not self._open:
                return
            self._sent = taken
        self._frames.append(frame)
        self._bytes += len(frame.wire)
        if len(self._frames) > self._limits.events or self._bytes > self._limits.bytes:
            self.on_overflow()
        self._bell.ring()

    def finish(self, last: Frame | None, *, drop: bool, then: Callable[[], None] | None = None) -> None:
        """Takes ``last`` and nothing after it. ``drop`` forgets what waits, but for a frame that is half sent.

        ``then`` is called when everything was taken, or the client had LINGER_SECONDS for it.
        """
        if not self._open:
            return
        if drop:
            self._keep_half_sent()
        if last is not None:
            self._frames.append(last)
        self._open = False
        self._then = then
        self._bell.ring()
        if self._live:
            self._flush()
        if self._frames:
            green.call_later(LINGER_SECONDS, self._give_up)
        else:
            self._finished()

    def write_control(self, wire: bytes) -> None:
        """A websocket control frame, best effort: never in the middle of another frame."""
        if not self._sent and 0 < self._send([wire]) < len(wire):
            self._break()

    # engineio's side

    def put(self, packet: EnginePacket | None) -> None:
        """``None`` ends it: engineio has closed the client."""
        if packet is None:
            self.finish(None, drop=False)
        else:
            self.offer(Frame(packet.encode()))

    def get(self, block: bool = True, timeout: float | None = None) -> Frame | None:
        """The next packet for a poll; ``None`` at the end. Raises Empty. With a websocket: stays until its end."""
        if block and self._carried():
            self._write()
            return None
        if block:
            self._polled = 0
            if not self._frames and self._open and not self._live:
                self._bell.wait(timeout)
        if self._live:
            return None  # a poll that was left behind by the upgrade
        if self._frames and self._polled < FRAMES_A_POLL:
            self._polled += 1
            frame = self._frames.popleft()
            self._bytes -= len(frame.wire)
            if not self._open and not self._frames:
                self._finished()
            return frame
        if not self._open and not self._frames:
            return None
        raise Empty

    def task_done(self) -> None:
        """Nobody waits for that."""

    def join(self) -> None:
        """Closing never waits for a client."""

    # The websocket

    @property
    def claimed(self) -> bool:
        return self._socket is not None

    @property
    def live(self) -> bool:
        return self._live

    def claim(self, connection: Any, carried: Callable[[], bool]) -> None:
        """``connection`` will carry the client as soon as ``carried()`` says so."""
        self._socket, self._carried = connection, carried

    def release(self) -> None:
        """The websocket is gone, or its upgrade failed and the client polls on."""
        if not self._live:
            self._socket, self._carried = None, _not_yet

    def _write(self) -> None:
        self._live = True
        self._bell.ring()
        while True:
            while self._frames and not self._flush():
                try:
                    green.wait_writable(self._socket)
                except OSError:
                    self._break()
            if not self._open:
                return
            self._bell.wait()

    def _flush(self) -> bool:
        """Sends what the kernel takes; true when nothing is left."""
        while self._frames:
            wires: list[Any] = [frame.wire for frame in islice(self._frames, FRAMES_A_WRITE)]
            wires[0] = memoryview(wires[0])[self._sent :]
            taken = self._send(wires)
            if not taken:
                break
            self._forget(taken)
        if not self._frames and not self._open:
            self._finished()
        return not self._frames

    def _send(self, wires: list[Any]) -> int:
        """How many bytes the kernel took. A broken client ends here; its reader will notice too."""
        try:
            return int(self._socket.send(wires[0]) if len(wires) == 1 else self._socket.sendmsg(wires))
        except BlockingIOError:
            return 0
        except OSError:
            self._break()
            return 0

    def _forget(self, taken: int) -> None:
        taken += self._sent
        while self._frames and taken >= len(self._frames[0].wire):
            length = len(self._frames.popleft().wire)
            taken -= length
            self._bytes -= length
        self._sent = taken

    def _keep_half_sent(self) -> None:
        first = self._frames[0] if self._sent else None
        self._frames.clear()
        if first is not None:
            self._frames.append(first)
        self._bytes = len(first.wire) if first is not None else 0

    def _break(self) -> None:
        self._frames.clear()
        self._bytes = self._sent = 0
        self._open = False
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)  # wakes its reader and its writer
        self._finished()
        self._bell.ring()

    def _give_up(self) -> None:
        if self._frames:
            self._break()

    def _finished(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            green.spawn(then)


def _not_yet() -> bool:
    return False
