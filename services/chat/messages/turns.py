"""Turns of the batcher's lanes: one runs after another while they are quick, so that more wait for the next batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 0.05  # with a batch: on one that takes longer, on a locked row or a busy disk, no lane waits


class Turns:
    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._taken = threading.Lock()
        self._since = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Waits for whose turn it is, but not beyond ``patience_seconds`` of that turn."""
        patience = self._since + self._patience_seconds - time.monotonic()
        mine = self._taken.acquire(timeout=max(0.0, patience))
        if mine:
            self._since = time.monotonic()
        try:
            yield
        finally:
            if mine:
                self._taken.release()
