"""What the short road submits to the batcher by ticket, alone and beside threads that send."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chat.errors import SendQueueFull
from services.chat.messages.batcher import Batcher
from services.chat.messages.lane import BATCH_ITEMS, WAITING_ITEMS
from shared.errors import Unavailable
from tests.unit.batches import ROOM, Calls, Told, wait_for_waiting
from tests.unit.batches import calls as calls  # a fixture


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
    calls.open.clear()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(batcher.send, ROOM, {"n": "a thread"})
        assert calls.entered.acquire(timeout=30)
        batcher.submit(ROOM, {"n": "a ticket"}, 1)
        batcher.set_out()
        second = pool.submit(batcher.send, ROOM, {"n": "another thread"})
        wait_for_waiting(batcher, 2)
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
