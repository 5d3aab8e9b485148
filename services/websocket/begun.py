"""A connection of which somebody has read the beginning, as a file."""

from __future__ import annotations

import io
from typing import Any


class Begun(io.RawIOBase):
    """A connection of which the ``first`` bytes were read before."""

    def __init__(self, first: bytes, connection: io.RawIOBase) -> None:
        self._first, self._connection, self._released = first, connection, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._first or self._released:
            count = min(len(self._first), len(buffer))
            buffer[:count], self._first = self._first[:count], self._first[count:]
            return count or None
        return self._connection.readinto(buffer)

    def release(self, file: io.BufferedReader) -> bytes:
        """What ``file``, which reads from this, would give next without reading from the connection."""
        self._released = True
        return (file.peek() or b"") + self._first

    def close(self) -> None:
        self._connection.close()
        super().close()
