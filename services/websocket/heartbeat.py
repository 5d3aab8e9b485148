"""One clock for what is due on any connection, instead of a green thread for each."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Protocol

import structlog

from services.websocket import green

TICK_SECONDS = 1
BEATS_A_TURN = 200

log = structlog.get_logger()


class Beating(Protocol):
    def beat(self) -> float | None:
        """Does what is due; in how many seconds it is called again, or None for never."""


class Heartbeat:
    """``seconds``: newcomers are spread over the second half. A crowd that came at once is not asked at once."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._spread = seconds / 2, max(int(seconds / 2), 1)
        self._clock = clock
        self._due: defaultdict[int, list[Beating]] = defaultdict(list)
        self._number = count()
        self._next = int(clock())

    def add(self, one: Beating, seconds: float | None = None) -> None:
        """Its first beat comes after ``seconds``, or when the spread has it."""
        after = self._least + next(self._number) % self._spread if seconds is None else seconds
        self._due[max(int(self._clock() + after), self._next)].append(one)

    def tick(self) -> None:
        """Beats for all that are due."""
        now = int(self._clock())
        while self._next <= now:
            due = self._due.pop(self._next, [])
            self._next += 1
            for n, one in enumerate(due, 1):
                self._beat(one)
                if n % BEATS_A_TURN == 0:
                    green.sleep(0)

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        while True:
            green.sleep(TICK_SECONDS)
            self.tick()

    def _beat(self, one: Beating) -> None:
        try:
            after = one.beat()
        except Exception:
            log.exception("bug")
            return
        if after is not None:
            self.add(one, after)
