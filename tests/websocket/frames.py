"""Frames as clients write them."""

from __future__ import annotations

import struct


def frame(
    payload: bytes, opcode: int = 1, *, final: bool = True, key: bytes = b"\x01\x02\x03\x04", odd: int = 0
) -> bytes:
    """Masked with ``key``; without one it is not. ``odd``: bits of extensions nobody agreed to."""
    masked = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload)) if key else payload
    bit = 128 if key else 0
    length = len(payload)
    if length < 126:
        size = struct.pack("!B", bit | length)
    elif length < 65_536:
        size = struct.pack("!BH", bit | 126, length)
    else:
        size = struct.pack("!BQ", bit | 127, length)
    return struct.pack("!B", (128 if final else 0) | odd | opcode) + size + key + masked
