"""What one entry of the stream says to every node: frames for people, or that a session has ended.

Frames travel as they will be written: the node that took the request encodes them once for all, the others only cut
them out (docs/decisions/0010). The first byte names kind and version.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence

from services.websocket.fanout import Addressed
from services.websocket.frames import Frame
from shared.revocations import Revocation

ENTRY_BYTES = 256 * 1024  # a larger request becomes several entries, else one reading could bring gigabytes
DELIVERIES, ENDED = b"D", b"E"


class NotUnderstood(Exception):
    """An entry of another version."""


def pack_deliveries(addressed: Sequence[Addressed], most_bytes: int = ENTRY_BYTES) -> list[bytes]:
    """As few entries as hold it. One is larger than ``most_bytes`` only when one frame and its recipients are."""
    entries: list[bytes] = []
    entry = bytearray(DELIVERIES)
    for to, frames in addressed:
        for wires in _group([frame.wire for frame in frames], most_bytes) if to else ():
            part = _pack(to, wires)
            if len(entry) > 1 and len(entry) + len(part) > most_bytes:
                entries.append(bytes(entry))
                entry = bytearray(DELIVERIES)
            entry += part
    if len(entry) > 1:
        entries.append(bytes(entry))
    return entries


def unpack_deliveries(entry: bytes) -> Iterator[Addressed]:
    place = 1
    while place < len(entry):
        people, count = struct.unpack_from("!II", entry, place)
        lengths = struct.unpack_from(f"!{count}I", entry, place + 8)
        place += 8 + 4 * count
        to = [entry[at : at + 16] for at in range(place, place + 16 * people, 16)]
        place += 16 * people
        frames: list[Frame] = []
        for length in lengths:
            frames.append(Frame.from_wire(entry[place : place + length]))
            place += length
        yield to, frames


def pack_ended(session_id: str | None, user_id: str | None, at: float) -> bytes:
    """``at``: Unix seconds; a person's tokens of later than that go on."""
    return ENDED + json.dumps([session_id, user_id, at]).encode()


def unpack_ended(entry: bytes) -> Revocation:
    session_id, user_id, at = json.loads(entry[1:])
    return Revocation(session_id=session_id, user_id=user_id, not_before=at, expires_at=at)


def _group(wires: Sequence[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for wire in wires:
        if group and size + len(wire) > most_bytes:
            yield group
            group, size = [], 0
        group.append(wire)
        size += len(wire)
    if group:
        yield group


def _pack(to: Sequence[bytes], wires: Sequence[bytes]) -> bytes:
    head = struct.pack(f"!II{len(wires)}I", len(to), len(wires), *map(len, wires))
    return b"".join((head, *to, *wires))
