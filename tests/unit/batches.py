"""A hand-written database call for the batcher, and who is told of its tickets."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import uuid4

import pytest

from services.chat.messages.batcher import LANES, Batcher

ROOM = uuid4()


class Calls:
    """A send_messages that can be held, and fails as told."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.threads: set[threading.Thread] = set()
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.poison: object = None

    def __call__(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.batches.append([item["n"] for item in items])
        self.threads.add(threading.current_thread())
        self.entered.release()
        assert self.open.wait(30)
        if self.failures:
            raise self.failures.pop(0)
        if any(item["n"] == self.poison for item in items):
            raise ValueError("poison")
        return [{"status": 201, "n": item["n"]} for item in items]


@pytest.fixture
def calls() -> Calls:
    return Calls()


class Told:
    """What was told of tickets."""

    def __init__(self) -> None:
        self.outcomes: dict[object, Any] = {}
        self.came = threading.Semaphore(0)

    def __call__(self, outcomes: list[tuple[Any, Any]]) -> None:
        for ticket, outcome in outcomes:
            assert ticket not in self.outcomes
            self.outcomes[ticket] = outcome
            self.came.release()

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=30)


def wait_for_waiting(batcher: Batcher, count: int) -> None:
    """Until so many items of ROOM's lane wait for a batch."""
    deadline = time.monotonic() + 30
    while len(batcher._lanes[ROOM.int % LANES]._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)
