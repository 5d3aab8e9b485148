"""Work that nobody waits for: threads and a bounded queue, made at first use so that a fork never copies them."""

from __future__ import annotations

import atexit
import contextvars
import heapq
import itertools
import threading
import time
from collections.abc import Callable

import structlog

CLOSE_SECONDS = 5.0

log = structlog.get_logger()


class Background:
    """Runs work, the earliest due first, ``threads`` at a time; at most ``size`` waits."""

    def __init__(self, name: str, size: int, threads: int = 1) -> None:
        self._name = name
        self._size = size
        self._threads = threads
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._unfinished = 0
        self._started = False

    def submit(self, work: Callable[[], None], after_seconds: float = 0.0) -> bool:
        """Queues ``work`` with the request's id for its log lines; False when the queue is full."""
        context = contextvars.copy_context()
        with self._changed:
            if len(self._waiting) >= self._size:
                return False
            due = time.monotonic() + after_seconds
            heapq.heappush(self._waiting, (due, next(self._numbers), lambda: context.run(work)))
            self._unfinished += 1
            self._start()
            self._changed.notify_all()
        return True

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Waits until everything queued is done, at most ``seconds``."""
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished == 0, timeout=seconds)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for _ in range(self._threads):
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
            atexit.register(self.close)

    def _run(self) -> None:
        while True:
            work = self._take()
            try:
                work()
            except Exception:
                log.exception("background_work_failed", work=self._name)
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def _take(self) -> Callable[[], None]:
        with self._changed:
            while True:
                wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(wait)
