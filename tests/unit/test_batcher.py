"""The send batcher against a hand-written database call."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chat.errors import SendQueueFull
from services.chat.messages import batcher as module
from services.chat.messages.batcher import BATCH_ITEMS, LANES, WAITING_ITEMS, Batcher
from services.chat.messages.turns import Turns
from shared.database import Contention, OutcomeUnknown
from shared.errors import Unavailable

ROOM = uuid4()


class Calls:
    """A send_messages that can be held, and fails as told."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.poison: object = None

    def __call__(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.batches.append([item["n"] for item in items])
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


def test_a_lone_message_goes_at_once_in_its_own_thread(calls: Calls) -> None:
    before = threading.active_count()
    assert Batcher(calls).send(ROOM, {"n": 1}) == {"status": 201, "n": 1}
    assert (calls.batches, threading.active_count()) == ([[1]], before)


def test_everything_that_waits_becomes_one_call_of_at_most_a_hundred(calls: Calls) -> None:
    batcher = Batcher(calls)
    calls.open.clear()
    with ThreadPoolExecutor(151) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": 0})
        assert calls.entered.acquire(timeout=30)
        rest = [pool.submit(batcher.send, ROOM, {"n": n}) for n in range(1, 151)]
        lane = batcher._lanes[ROOM.int % LANES]
        while len(lane._waiting) < 150:
            pass
        calls.open.set()
        assert [one.result(30)["n"] for one in (first, *rest)] == list(range(151))
    assert [len(batch) for batch in calls.batches] == [1, 100, 50]


def test_a_stuck_lane_does_not_stall_another(calls: Calls) -> None:
    batcher = Batcher(calls)
    other = UUID(int=ROOM.int ^ 1)
    calls.open.clear()
    with ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(batcher.send, ROOM, {"n": "stuck"})
        assert calls.entered.acquire(timeout=30)
        free = pool.submit(batcher.send, other, {"n": "free"})
        assert calls.entered.acquire(timeout=30)  # it got through to the database
        calls.open.set()
        assert (stuck.result(30)["status"], free.result(30)["status"]) == (201, 201)


@pytest.mark.parametrize(("patience", "waits"), [(30.0, True), (0.0, False)], ids=["quick", "slow"])
def test_a_lane_waits_for_the_turn_of_one_that_is_quick_and_not_for_a_slow_one(patience: float, waits: bool) -> None:
    turns = Turns(patience)
    running = threading.Event()

    def run() -> None:
        with turns.one():
            running.set()

    other = threading.Thread(target=run)
    with turns.one():
        other.start()
        assert running.wait(0.05 if waits else 10) != waits
    assert running.wait(30)
    other.join(30)


def test_a_poisoned_batch_is_sent_one_by_one_and_only_the_poison_fails(calls: Calls) -> None:
    batcher = Batcher(calls)
    calls.poison = 2
    calls.open.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": 0})
        assert calls.entered.acquire(timeout=30)
        rest = [pool.submit(batcher.send, ROOM, {"n": n}) for n in (1, 2, 3)]
        while len(batcher._lanes[ROOM.int % LANES]._waiting) < 3:
            pass
        calls.open.set()
        assert first.result(30)["status"] == 201
        outcomes = [one.exception(30) for one in rest]
    assert [type(error) for error in outcomes] == [type(None), ValueError, type(None)]


def test_contention_is_tried_again_and_then_said(calls: Calls) -> None:
    calls.failures = [Contention(), Contention()]
    assert Batcher(calls).send(ROOM, {"n": 1})["status"] == 201
    calls.failures = [Contention() for _ in range(9)]
    with pytest.raises(Contention):
        Batcher(calls).send(ROOM, {"n": 1})


def test_an_unknown_outcome_is_asked_again_by_the_same_ids(calls: Calls) -> None:
    calls.failures = [OutcomeUnknown()]
    assert Batcher(calls).send(ROOM, {"n": 1})["status"] == 201
    assert calls.batches == [[1], [1]]


def test_a_database_that_is_away_is_said_at_once(calls: Calls) -> None:
    calls.failures = [Unavailable()]
    with pytest.raises(Unavailable):
        Batcher(calls).send(ROOM, {"n": 1})
    assert len(calls.batches) == 1
    assert Batcher(calls).send(ROOM, {"n": 1})["status"] == 201


def test_a_full_lane_refuses_and_an_empty_one_accepts_again(calls: Calls) -> None:
    batcher = Batcher(calls)
    lane = batcher._lanes[ROOM.int % LANES]
    lane._waiting.extend(module._Waiting({"n": n}) for n in range(WAITING_ITEMS))
    with pytest.raises(SendQueueFull) as refused:
        batcher.send(ROOM, {"n": 1})
    assert refused.value.retry_after_seconds == 1
    lane._waiting.clear()
    assert batcher.send(ROOM, {"n": 1})["status"] == 201


def test_a_follower_that_waits_too_long_is_told_the_outcome_is_unknown(
    calls: Calls,
) -> None:
    batcher = Batcher(calls, wait_seconds=0.05)
    calls.open.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": 0})
        assert calls.entered.acquire(timeout=30)
        with pytest.raises(Unavailable, match="same id"):
            batcher.send(ROOM, {"n": 1})
        calls.open.set()
        assert first.result(30)["status"] == 201
    assert calls.batches == [[0]]
    assert batcher.send(ROOM, {"n": 2})["status"] == 201


def test_a_batch_on_a_locked_row_does_not_hold_its_threads_for_as_long_as_it_has_items(
    calls: Calls,
) -> None:
    batcher = Batcher(calls, alone_seconds=-1.0)
    calls.failures = [Contention()]
    with pytest.raises(Contention):
        batcher.send(ROOM, {"n": 1})
    assert calls.batches == [[1]]
    assert batcher.send(ROOM, {"n": 2})["n"] == 2


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


def test_what_was_submitted_sets_out_together_and_is_told_by_its_ticket(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    for n in range(5):
        batcher.submit(ROOM, {"n": n}, f"ticket {n}")
    assert calls.batches == []
    batcher.set_out()
    told.wait_for(5)
    assert calls.batches == [[0, 1, 2, 3, 4]]
    assert told.outcomes == {f"ticket {n}": {"status": 201, "n": n} for n in range(5)}
    batcher.set_out()
    assert len(calls.batches) == 1


def test_tickets_and_threads_share_a_lane_in_the_order_in_which_they_came(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    lane = batcher._lanes[ROOM.int % LANES]
    calls.open.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": "a thread"})
        assert calls.entered.acquire(timeout=30)
        batcher.submit(ROOM, {"n": "a ticket"}, 1)
        batcher.set_out()
        second = pool.submit(batcher.send, ROOM, {"n": "another thread"})
        while len(lane._waiting) < 2:
            pass
        calls.open.set()
        told.wait_for(1)
        assert (first.result(30)["status"], second.result(30)["status"]) == (201, 201)
    assert calls.batches == [["a thread"], ["a ticket", "another thread"]]
    assert batcher.send(ROOM, {"n": "and on"})["status"] == 201


def test_a_tickets_failure_is_told_and_the_next_one_is_sent(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    calls.failures = [Unavailable("away")]
    batcher.submit(ROOM, {"n": 1}, 1)
    batcher.set_out()
    told.wait_for(1)
    assert isinstance(told.outcomes[1], Unavailable)
    batcher.submit(ROOM, {"n": 2}, 2)
    batcher.set_out()
    told.wait_for(1)
    assert told.outcomes[2]["n"] == 2


def test_tickets_of_a_full_lane_are_refused_at_once(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    for n in range(WAITING_ITEMS):
        batcher.submit(ROOM, {"n": n}, n)
    with pytest.raises(SendQueueFull):
        batcher.submit(ROOM, {"n": "one more"}, "one more")
    batcher.set_out()
    told.wait_for(WAITING_ITEMS)
    assert len(told.outcomes) == WAITING_ITEMS


def test_tickets_that_wait_too_long_are_told_once_that_the_outcome_is_unknown(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told, wait_seconds=-1.0)
    calls.open.clear()
    batcher.submit(ROOM, {"n": "running"}, "running")
    batcher.set_out()
    assert calls.entered.acquire(timeout=30)
    batcher.submit(ROOM, {"n": "waiting"}, "waiting")
    batcher._looked_at = float("-inf")
    batcher.set_out()
    told.wait_for(2)
    calls.open.set()
    assert all(isinstance(outcome, Unavailable) for outcome in told.outcomes.values())
    batcher.submit(ROOM, {"n": "later"}, "later")
    while "later" not in told.outcomes:
        batcher.set_out()
    assert calls.batches == [["running"], ["later"]]


@pytest.mark.parametrize("tickets", [BATCH_ITEMS - 1, BATCH_ITEMS, BATCH_ITEMS + 50, 3 * BATCH_ITEMS + 1])
def test_a_thread_that_comes_before_tickets_set_out_leads_until_its_own_item_is_sent(
    calls: Calls, tickets: int
) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    for n in range(tickets):
        batcher.submit(ROOM, {"n": n}, n)
    assert batcher.send(ROOM, {"n": "a thread's"}) == {"status": 201, "n": "a thread's"}
    told.wait_for(tickets)
    assert [n for batch in calls.batches for n in batch] == [*range(tickets), "a thread's"]
    assert batcher.send(ROOM, {"n": "and on"})["status"] == 201


def test_threads_and_more_tickets_than_a_batch_are_each_answered_once(calls: Calls) -> None:
    told = Told()
    batcher = Batcher(calls, told)
    with ThreadPoolExecutor(8) as pool:
        sending = []
        for n in range(40):
            for ticket in range(30):
                batcher.submit(ROOM, {"n": (n, ticket)}, (n, ticket))
            sending.append(pool.submit(batcher.send, ROOM, {"n": n}))
            if n % 5 == 4:
                batcher.set_out()
                told.wait_for(150)
        assert [one.result(30)["n"] for one in sending] == list(range(40))
    assert len(told.outcomes) == 1_200
    assert sum(len(batch) for batch in calls.batches) == 1_240


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
