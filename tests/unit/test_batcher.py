"""The send batcher with threads that send, against a hand-written database call."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from services.chat.errors import SendQueueFull
from services.chat.messages.batcher import LANES, Batcher
from services.chat.messages.lane import WAITING_ITEMS, Waiting
from services.chat.messages.turns import Turns
from shared.database import Contention, OutcomeUnknown
from shared.errors import Unavailable
from tests.unit.batches import ROOM, Calls, wait_for_waiting
from tests.unit.batches import calls as calls  # a fixture


def test_a_lone_message_goes_at_once_in_its_own_thread(calls: Calls) -> None:
    assert Batcher(calls).send(ROOM, {"n": 1}) == {"status": 201, "n": 1}
    assert (calls.batches, calls.threads) == ([[1]], {threading.current_thread()})


def test_everything_that_waits_becomes_one_call_of_at_most_a_hundred(calls: Calls) -> None:
    batcher = Batcher(calls)
    calls.open.clear()
    with ThreadPoolExecutor(151) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": 0})
        assert calls.entered.acquire(timeout=30)
        rest = [pool.submit(batcher.send, ROOM, {"n": n}) for n in range(1, 151)]
        wait_for_waiting(batcher, 150)
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
        wait_for_waiting(batcher, 3)
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
    lane._waiting.extend(Waiting({"n": n}) for n in range(WAITING_ITEMS))
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
