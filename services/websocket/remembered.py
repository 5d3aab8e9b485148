"""What is found again and again for the same large groups of people."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

# Conversations are told of one message after another: where these many people are meant, they are remembered together.
GROUP = 32
MOST = 65_536  # ids, or clients, in all; 100 bytes each

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Remembered(Generic[Key, Found]):
    """``most`` bounds the sum of the weights; it begins anew when there is no room."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._weight = most, 0
        self._found: dict[Key, Found] = {}
        self.find = self._found.get
        """As a dictionary's ``get``."""

    def keep(self, key: Key, found: Found, weight: int) -> None:
        """Of a key that is not remembered; what weighs more than everything may is not kept."""
        if weight > self._most:
            return
        if self._weight + weight > self._most:
            self.forget()
        self._found[key] = found
        self._weight += weight

    def forget(self) -> None:
        self._found.clear()
        self._weight = 0
