"""What comes in on a websocket: bytes to messages (RFC 6455, 5), holding bytes only while a frame is not whole."""

from __future__ import annotations

from typing import Any, NamedTuple

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = frozenset({CONTINUED, TEXT, BINARY, CLOSE, PING, PONG})
CONTROL = 0x8  # set in the opcodes of frames that may stand between a message's fragments
CONTROL_BYTES = 125
MOST_FRAGMENTS = 100  # of a message; floods are counted by messages

PROTOCOL_ERROR, NOT_UTF8, TOO_LARGE = 1002, 1007, 1009  # RFC 6455, 7.4.1
# What a close frame may give as its reason; 1004 to 1006 and 1015 are never sent (7.4, and the registry at IANA).
CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class Violation(Exception):
    """The client broke the protocol; ``status`` is what a close frame tells it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Message(NamedTuple):
    """A whole message, or a control frame. ``data`` is ``str`` of a text, else ``bytes``."""

    opcode: int
    data: Any


class Incoming:
    """``most_bytes`` bounds a message, all its fragments together, and MOST_FRAGMENTS their number.

    ``feed`` it what arrived and take messages with ``next`` until there is none: what is not taken waits.
    """

    __slots__ = ("_at", "_bytes", "_most_bytes", "_opcode", "_parts", "_rest")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._rest, self._at = b"", 0
        self._opcode, self._bytes = 0, 0
        self._parts: list[bytes] | None = None  # of the fragmented message that has begun

    def feed(self, data: bytes) -> None:
        self._rest = self._rest[self._at :] + data
        self._at = 0

    def next(self) -> Message | None:
        """Raises Violation: then there is nothing more to take."""
        while (frame := self._take_frame()) is not None:
            opcode, final, payload = frame
            if opcode & CONTROL:
                if opcode == CLOSE:
                    _check_close(payload)
                return Message(opcode, payload)
            if self._parts is None:
                if final:
                    return _whole(opcode, payload)
                self._parts, self._opcode, self._bytes = [], opcode, 0
            if len(self._parts) >= MOST_FRAGMENTS:
                raise Violation(TOO_LARGE, "The message has too many fragments.")
            self._parts.append(payload)
            self._bytes += len(payload)
            if final:
                parts, self._parts = self._parts, None
                return _whole(self._opcode, b"".join(parts))
        return None

    def _take_frame(self) -> tuple[int, bool, bytes] | None:
        data, at = self._rest, self._at
        if len(data) - at < 2:
            self._tidy()
            return None
        first, second = data[at], data[at + 1]
        opcode, final, length = first & 0x0F, first & 0x80 != 0, second & 0x7F
        self._check(first, second, opcode, length)
        head = at + 2
        if length == 126:
            head += 2
        elif length == 127:
            head += 8
        if len(data) < head:
            self._tidy()
            return None
        if length >= 126:
            length = int.from_bytes(data[at + 2 : head], "big")
        held = self._bytes if self._parts is not None else 0
        if not opcode & CONTROL and held + length > self._most_bytes:
            raise Violation(TOO_LARGE, "The message is too large.")
        end = head + 4 + length
        if len(data) < end:
            self._tidy()
            return None
        self._at = end
        return opcode, final, _unmask(data[head + 4 : end], data[head : head + 4])

    def _check(self, first: int, second: int, opcode: int, length: int) -> None:
        if first & 0x70:
            raise Violation(PROTOCOL_ERROR, "No extension was agreed to.")
        if opcode not in OPCODES:
            raise Violation(PROTOCOL_ERROR, "Unknown opcode.")
        if not second & 0x80:
            raise Violation(PROTOCOL_ERROR, "Clients must mask their frames.")
        if opcode & CONTROL:
            if not first & 0x80 or length > CONTROL_BYTES:
                raise Violation(PROTOCOL_ERROR, "A control frame is whole and of at most 125 bytes.")
        elif (opcode == CONTINUED) != (self._parts is not None):
            raise Violation(PROTOCOL_ERROR, "Fragments of two messages are mixed.")

    def _tidy(self) -> None:
        if self._at == len(self._rest):
            self._rest, self._at = b"", 0


def _whole(opcode: int, payload: bytes) -> Message:
    return Message(opcode, payload if opcode == BINARY else _read_text(payload))


def _check_close(payload: bytes) -> None:
    if payload and int.from_bytes(payload[:2], "big") not in CLOSE_CODES:
        raise Violation(PROTOCOL_ERROR, "No such reason to close.")
    _read_text(payload[2:])


def _read_text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "The text is not UTF-8.") from None


def _unmask(data: bytes, key: bytes) -> bytes:
    # As one large number: byte by byte, 64 kB would hold up every client for tens of milliseconds.
    count = len(data)
    if not count or key == b"\0\0\0\0":
        return data
    pattern = (key * (count // 4 + 1))[:count]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(count, "big")
