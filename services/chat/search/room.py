"""Room for few searches at a time: one can take seconds, and sends need the same threads and connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.chat.errors import TooManySearches

AT_ONCE = 2  # of the eight connections a process has by default
WAITING = 8  # of sixteen threads; sends and plain reads need none
WAIT_SECONDS = 1.0


class Room:
    """``at_once`` go on, ``waiting`` more wait for as long as it takes to type a word, the others are told."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, wait_seconds: float = WAIT_SECONDS) -> None:
        self._inside = threading.Semaphore(at_once)
        self._admitted = threading.Semaphore(at_once + waiting)
        self._wait_seconds = wait_seconds

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises TooManySearches."""
        if not self._admitted.acquire(blocking=False):
            raise TooManySearches(retry_after_seconds=1)
        try:
            if not self._inside.acquire(timeout=self._wait_seconds):
                raise TooManySearches(retry_after_seconds=1)
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._admitted.release()
