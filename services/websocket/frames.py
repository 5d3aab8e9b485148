"""One packet, encoded once: as Engine.IO text for polling, and framed for the websocket."""

from __future__ import annotations

import json
import struct
from typing import Any, Literal

from shared.wire import SessionEnded

TEXT, BINARY = 0x81, 0x82  # opcodes of whole messages (RFC 6455, 5.2)
HEADER_BYTES = {126: 4, 127: 10}  # by the first length; else 2


class Frame:
    """``text`` is the Engine.IO packet; ``wire`` is the same, framed. Shared by all its receivers, never changed."""

    __slots__ = ("_text", "wire")

    def __init__(self, packet: str | bytes) -> None:
        self._text: str | bytes | None = packet
        self.wire = frame(packet)

    @classmethod
    def from_wire(cls, wire: bytes) -> Frame:
        """What another node has framed: a text."""
        found = cls.__new__(cls)
        found._text, found.wire = None, wire
        return found

    @property
    def text(self) -> str | bytes:
        if self._text is None:  # asked for by polls only
            self._text = self.wire[HEADER_BYTES.get(self.wire[1], 2) :].decode()
        return self._text

    def encode(self, b64: bool = False) -> str | bytes:  # noqa: ARG002 - the name is engineio's
        """What engineio asks of a packet when it answers a poll."""
        return self.text


def frame(packet: str | bytes) -> bytes:
    """An unmasked, uncompressed websocket message."""
    return _frame(packet.encode(), TEXT) if isinstance(packet, str) else _frame(packet, BINARY)


def frame_text(text: bytes) -> bytes:
    """The same of a text that is UTF-8 already."""
    return _frame(text, TEXT)


def _frame(payload: bytes, opcode: int) -> bytes:
    if len(payload) < 126:
        return struct.pack("!BB", opcode, len(payload)) + payload
    if len(payload) < 65_536:
        return struct.pack("!BBH", opcode, 126, len(payload)) + payload
    return struct.pack("!BBQ", opcode, 127, len(payload)) + payload


def frame_control(opcode: int, data: bytes) -> bytes:
    """A control frame; ``data`` is at most 125 bytes."""
    return struct.pack("!BB", 0x80 | opcode, len(data)) + data


def encode_event(event: str, data: Any) -> Frame:
    """A Socket.IO event of the default namespace. Raises ValueError for what JSON lacks (NaN)."""
    arguments = json.dumps([event, data], ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Frame("42" + arguments)  # 4: an Engine.IO message; 2: a Socket.IO event


def encode_ended(reason: Literal["too_slow", "shutting_down", "expired", "signed_out"], *, reconnect: bool) -> Frame:
    return encode_event("session.ended", SessionEnded(reason=reason, reconnect=reconnect).model_dump())


TOO_SLOW = encode_ended("too_slow", reconnect=True)
SHUTTING_DOWN = encode_ended("shutting_down", reconnect=True)
EXPIRED = encode_ended("expired", reconnect=False)
SIGNED_OUT = encode_ended("signed_out", reconnect=False)
