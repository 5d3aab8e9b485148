"""What one client is still to receive, in order, and never more than its bound.

engineio takes it for the queue of its socket (``put``, ``get``): while the client polls, ``get`` hands packets to
polls. Once a websocket carries the client (``carry``), what finds nothing waiting is written at once, in the green
thread of whoever has it; only what the kernel does not take (all of it, or the rest of a frame) waits until the socket
is writable again, and then ``flush`` goes on. Nothing here switches green threads between looking and writing, so
packets cannot overtake each other and frames cannot mix.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from queue import Empty
from typing import Any, Protocol

from services.websocket import green
from services.websocket.frames import Frame

LINGER_SECONDS = 2.0  # what a closing client is given to take its last words
FRAMES_A_WRITE = 64  # under IOV_MAX
FRAMES_A_POLL = 16  # Python's stock client refuses a payload of more


class EnginePacket(Protocol):
    def encode(self) -> str | bytes: ...


class Socket(Protocol):
    """A plain non-blocking socket."""

    def send(self, data: bytes, /) -> int: ...

    def sendmsg(self, buffers: Any, /) -> int: ...


class Carrier(Protocol):
    """The websocket, as its outbox needs it."""

    @property
    def socket(self) -> Socket: ...

    def await_room(self, wanted: bool, /) -> None:
        """Whether ``flush`` is to be called when the socket takes bytes again."""

    def hang_up(self) -> None:
        """Everything was written."""

    def cut(self) -> None:
        """Nothing more can be written."""


@dataclass(frozen=True, slots=True)
class Limits:
    events: int
    bytes: int


class Outbox:
    """``on_overflow`` is called once when more than ``limits`` waits; it should ``finish``.

    ``send``: the socket's own, while a websocket carries the client and nothing waits; else None. Who writes with it
    tells ``keep`` what it did not take (fanout.py).
    """

    __slots__ = (
        "_bell",
        "_bytes",
        "_carrier",
        "_frames",
        "_limits",
        "_open",
        "_polled",
        "_sent",
        "_then",
        "on_overflow",
        "send",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames: deque[Frame] | None = None  # an empty one takes 600 bytes, and most clients wait for nothing
        self._bytes = 0
        self._sent = 0  # bytes of the first frame that the websocket has already taken
        self._carrier: Carrier | None = None
        self._polled = 0  # packets the poll under way has been given
        self._open = True
        self._bell: green.Bell | None = None
        self._then: Callable[[], None] | None = None
        self.on_overflow: Callable[[], None] | None = None
        self.send: Callable[[bytes], int] | None = None

    def __len__(self) -> int:
        return len(self._frames) if self._frames is not None else 0

    # The sending side

    def offer(self, *frames: Frame) -> None:
        """Sends them now or later; after ``finish`` and for a broken client it does nothing."""
        if self.send is None:
            self.keep(frames, 0)
            return
        wire = frames[0].wire if len(frames) == 1 else b"".join([frame.wire for frame in frames])
        try:
            taken = self.send(wire)
        except OSError as error:
            taken = self.refused(error)
        if taken != len(wire):
            self.keep(frames, taken)

    def refused(self, error: OSError) -> int:
        """What the kernel took of a write that failed: nothing. A broken client ends here; its reader notices too."""
        if not isinstance(error, BlockingIOError):
            self._break()
        return 0

    def keep(self, frames: Sequence[Frame], taken: int) -> None:
        """``frames``, of which the kernel has taken so many bytes, are next."""
        if not self._open:
            return
        if self._frames is None:
            self._frames = deque()
        self.send = None
        for frame in frames:
            size = len(frame.wire)
            if taken >= size:
                taken -= size
                continue
            if taken:
                self._sent, taken = taken, 0
            self._frames.append(frame)
            self._bytes += size
        if len(self._frames) > self._limits.events or self._bytes > self._limits.bytes:
            self._overflow()
        elif self._carrier is not None:
            self._carrier.await_room(True)
        self._ring()

    def finish(self, last: Frame | None, *, drop: bool, then: Callable[[], None] | None = None) -> None:
        """Takes ``last`` and nothing after it. ``drop`` forgets what waits, but for a frame that is half sent.

        ``then`` is called when everything was taken, or the client had LINGER_SECONDS for it.
        """
        if not self._open:
            return
        if drop:
            self._keep_half_sent()
        if last is not None:
            self._frames = self._frames if self._frames is not None else deque()
            self._frames.append(last)
            self._bytes += len(last.wire)
        self._open, self.send, self._then = False, None, then
        self._ring()
        if self._frames and self._carrier is not None:
            self.flush()
        if self._frames:
            green.call_later(LINGER_SECONDS, self._give_up)
        else:
            self._finished()

    def write_control(self, wire: bytes) -> None:
        """A websocket control frame, best effort: never in the middle of another frame."""
        if self._carrier is not None and not self._sent and 0 < self._write([wire]) < len(wire):
            self._break()

    # engineio's side

    def put(self, packet: EnginePacket | None) -> None:
        """``None`` ends it: engineio has closed the client."""
        if packet is None:
            self.finish(None, drop=False)
        else:
            self.offer(Frame(packet.encode()))

    def get(self, block: bool = True, timeout: float | None = None) -> Frame | None:
        """The next packet for a poll; ``None`` at the end. Raises Empty."""
        if block:
            self._polled = 0
            if not self._frames and self._open and self._carrier is None:
                self._bell = self._bell or green.Bell()
                self._bell.wait(timeout)
        if self._carrier is not None:
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

    # The websocket's side

    def carry(self, carrier: Carrier) -> None:
        """From now on everything goes by ``carrier``."""
        self._carrier = carrier
        self._ring()
        self.flush()
        self._bell = None

    def flush(self) -> None:
        """Sends what the kernel takes."""
        carrier = self._carrier
        assert carrier is not None
        while self._frames:
            wires: list[Any] = [frame.wire for frame in islice(self._frames, FRAMES_A_WRITE)]
            if self._sent:
                wires[0] = memoryview(wires[0])[self._sent :]
            taken = self._write(wires)
            if not taken:
                break
            self._forget(taken)
        if self._frames:
            carrier.await_room(True)
            return
        self._frames = None
        carrier.await_room(False)
        if self._open:
            self.send = carrier.socket.send
        else:
            self._finished()

    def abandon(self) -> None:
        """The websocket is gone, and ends itself: it and this would keep each other for the garbage collector."""
        self._carrier = None
        self._break()

    def _write(self, wires: list[Any]) -> int:
        assert self._carrier is not None
        try:
            if len(wires) == 1:
                return self._carrier.socket.send(wires[0])
            return self._carrier.socket.sendmsg(wires)
        except OSError as error:
            return self.refused(error)

    def _forget(self, taken: int) -> None:
        taken += self._sent
        while self._frames and taken >= len(self._frames[0].wire):
            length = len(self._frames.popleft().wire)
            taken -= length
            self._bytes -= length
        self._sent = taken

    def _keep_half_sent(self) -> None:
        first = self._frames[0] if self._sent and self._frames else None
        self._frames = deque((first,)) if first is not None else None
        self._bytes = len(first.wire) if first is not None else 0

    def _overflow(self) -> None:
        if self.on_overflow is not None:
            self.on_overflow()
        else:
            self.finish(None, drop=True)

    def _break(self) -> None:
        self._frames, self.send = None, None
        self._bytes = self._sent = 0
        self._open = False
        if self._carrier is not None:
            self._carrier.cut()
        self._finished()
        self._ring()

    def _give_up(self) -> None:
        if self._frames:
            self._break()

    def _finished(self) -> None:
        if self._carrier is not None:
            self._carrier.hang_up()
        then, self._then = self._then, None
        self.on_overflow = None
        if then is not None:
            green.spawn(then)

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()
