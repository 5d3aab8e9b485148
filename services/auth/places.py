"""Places for what is dear: a few at once, some more wait, and the rest are told to come back.

So a flood of it can take neither the memory nor all the threads, which others need to refresh.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Unavailable

WAIT_SECONDS = 5.0


class Places:
    """``waiting`` is how many calls a process has under way, waiting ones too, before it refuses more."""

    def __init__(self, waiting: int, at_once: int) -> None:
        self._working = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(max(waiting, at_once))

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises Unavailable when too many are taken."""
        if not self._waiting.acquire(blocking=False):
            raise _busy()
        try:
            if not self._working.acquire(timeout=WAIT_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._working.release()
        finally:
            self._waiting.release()


def _busy() -> Unavailable:
    return Unavailable("Too many people are signing in. Try again in a moment.", retry_after_seconds=2)
