"""What the batcher lets others do after a batch, in a thread that has time for it or has none."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from services.chat.messages.batcher import Batcher
from shared.errors import Unavailable
from tests.unit.batches import ROOM, Calls, Told
from tests.unit.batches import calls as calls  # a fixture


class After:
    """What was called after each batch: whether it was told by then, in which thread, and whether that has time."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.heard: list[tuple[int, bool]] = []
        self.came = threading.Semaphore(0)

    def __call__(self, stays: bool) -> None:
        self.heard.append((len(self._told.outcomes), stays))
        self.came.release()


def test_a_thread_of_its_own_has_time_once_all_is_told_and_nothing_waits(calls: Calls) -> None:
    told = Told()
    after = After(told)
    batcher = Batcher(calls, told, after)
    calls.open.clear()
    batcher.submit(ROOM, {"n": 0}, 0)
    batcher.set_out()
    assert calls.entered.acquire(timeout=30)
    for n in range(1, 151):
        batcher.submit(ROOM, {"n": n}, n)
    calls.open.set()
    for _ in range(3):
        assert after.came.acquire(timeout=30)
    assert after.heard == [(1, False), (101, False), (151, True)]


def test_a_request_thread_has_no_time(calls: Calls) -> None:
    after = After(Told())
    assert Batcher(calls, after=after).send(ROOM, {"n": 1})["status"] == 201
    calls.failures = [Unavailable()]
    with pytest.raises(Unavailable):
        Batcher(calls, after=after).send(ROOM, {"n": 1})
    assert after.heard == [(0, False), (0, False)]


def test_whoever_is_sent_alone_waits_for_none_of_the_others(calls: Calls) -> None:
    told = Told()
    after = After(told)
    batcher = Batcher(calls, told, after)
    calls.poison = 1
    for n in range(3):
        batcher.submit(ROOM, {"n": n}, n)
    batcher.set_out()
    for _ in range(4):
        assert after.came.acquire(timeout=30)
    assert calls.batches == [[0, 1, 2], [0], [1], [2]]
    assert after.heard == [(0, False)] * 3 + [(3, True)]


def test_threads_that_take_their_time_afterwards_hold_up_no_lane(calls: Calls) -> None:
    told = Told()
    done = threading.Event()
    slow = threading.Lock()

    def wait(stays: bool) -> None:
        if stays and slow.acquire(blocking=False):  # as with pushes: one at a time
            assert done.wait(30)

    batcher = Batcher(calls, told, wait)
    for n in range(40):
        batcher.submit(UUID(int=ROOM.int ^ (n % 2)), {"n": n}, n)
        batcher.set_out()
        told.wait_for(1)
    done.set()
    assert len(told.outcomes) == 40
