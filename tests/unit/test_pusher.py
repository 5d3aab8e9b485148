"""The pusher: one push at a time, in order, begun and ended in whichever thread, and a row for what failed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.chat.relay.pusher import Push, Pusher
from shared.service_client import ServiceClient
from tests.standins.answering import Other, serving

ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{"accepted":1}'
MALFORMED = b'HTTP/1.1 422 Unprocessable Content\r\nContent-Length: 20\r\n\r\n{"code":"malformed"}'
NOT_OURS = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"


class Outbox:
    """The outbox functions of a database: what was called with which rows."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []

    def call(self, function: str, /, **arguments: Any) -> Any:
        self.calls.append((function, arguments["ids"]))

    def read(self, function: str, seconds: float | None = None, /, **arguments: Any) -> bytes:
        raise NotImplementedError

    def close(self) -> None: ...

    def of(self, function: str) -> list[str]:
        return [row for called, ids in self.calls if called == function for row in ids]


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def make_pusher(other: Other, outbox: Outbox) -> Pusher:
    pusher = Pusher(ServiceClient(other.url, "token"), outbox)
    pusher.start()
    return pusher


def push(row: str) -> Push:
    return Push(row, ["ann"], "message.sent", {"row": row})


def begin_and_end(pusher: Pusher, *rows: str, here: bool) -> None:
    pusher.begin([push(row) for row in rows])
    pusher.end(here=here)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def delivered(other: Other) -> list[list[str]]:
    """The rows of each request."""
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in other.requests]
    return [[one["events"][0]["data"]["row"] for one in body["deliveries"]] for body in bodies]


@pytest.mark.parametrize("here", [True, False], ids=["in the thread that began it", "in the pusher's"])
def test_what_is_begun_is_delivered_and_its_row_goes(outbox: Outbox, here: bool) -> None:
    with serving(ACCEPTED, ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        for row in ("1", "2"):
            begin_and_end(pusher, row, here=here)
            wait_until(lambda row=row: row in outbox.of("finish_outbox"))  # type: ignore[misc]
        assert delivered(other) == [["1"], ["2"]]


def test_who_ends_its_push_itself_has_its_answer_then(outbox: Outbox) -> None:
    with serving(ACCEPTED, ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        begin_and_end(pusher, "1", here=True)
        assert delivered(other) == [["1"]]
        begin_and_end(pusher, "2", here=True)
        assert (delivered(other), other.connections) == ([["1"], ["2"]], 1)


@pytest.mark.parametrize("here", [True, False], ids=["in the thread that began it", "in the pusher's"])
def test_what_comes_while_a_push_is_under_way_goes_together_after_it_in_order(outbox: Outbox, here: bool) -> None:
    with serving(*[ACCEPTED] * 3) as other:
        pusher = make_pusher(other, outbox)
        begin_and_end(pusher, "1", here=True)  # now there is a connection
        other.reads.clear()
        pusher.begin([push("2")])
        with ThreadPoolExecutor(1) as another:
            another.submit(begin_and_end, pusher, "3", here=True).result(60)  # it began nothing, and waits for nothing
        pusher.push([push("4")])
        pusher.begin([push("5"), push("6")])
        other.reads.set()
        pusher.end(here=here)
        wait_until(lambda: len(outbox.of("finish_outbox")) == 6)
        assert delivered(other) == [["1"], ["2"], ["3", "4", "5", "6"]]


def test_a_service_that_is_silent_holds_up_only_who_waits_for_it(outbox: Outbox) -> None:
    with serving(ACCEPTED, ACCEPTED, ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        begin_and_end(pusher, "1", here=True)
        other.reads.clear()
        begin_and_end(pusher, "2", here=False)
        begin_and_end(pusher, "3", here=True)
        assert delivered(other) == [["1"]]
        other.reads.set()
        wait_until(lambda: len(outbox.of("finish_outbox")) == 3)
        assert delivered(other) == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize("said", [None, NOT_OURS], ids=["away", "no service of ours"])
@pytest.mark.parametrize("here", [True, False], ids=["in the thread that began it", "in the pusher's"])
def test_rows_of_what_failed_are_released_and_the_next_ones_pushed(
    outbox: Outbox, said: bytes | None, here: bool
) -> None:
    with serving([said], ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        begin_and_end(pusher, "1", here=here)
        wait_until(lambda: outbox.of("release_outbox") == ["1"])
        wait_until(lambda: not pusher._under_way)
        begin_and_end(pusher, "2", here=here)
        wait_until(lambda: outbox.of("finish_outbox") == ["2"])


def test_one_malformed_event_keeps_none_of_the_others(outbox: Outbox) -> None:
    with serving(MALFORMED, ACCEPTED, MALFORMED, ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        begin_and_end(pusher, "1", "2", "3", here=True)
        assert (outbox.of("finish_outbox"), outbox.of("refuse_outbox")) == (["1", "3"], ["2"])
        assert delivered(other) == [["1", "2", "3"], ["1"], ["2"], ["3"]]


def test_what_can_not_be_written_holds_up_nothing(outbox: Outbox) -> None:
    with serving(ACCEPTED) as other:
        pusher = make_pusher(other, outbox)
        pusher.begin([Push("1", ["ann"], "message.sent", {"row": object()})])
        pusher.end(here=True)
        begin_and_end(pusher, "2", here=True)
        wait_until(lambda: outbox.of("finish_outbox") == ["2"])
        assert delivered(other) == [["2"]]


def test_nothing_sets_out_before_the_start(outbox: Outbox) -> None:
    with serving(ACCEPTED) as other:
        pusher = Pusher(ServiceClient(other.url, "token"), outbox)
        begin_and_end(pusher, "1", here=True)
        assert other.connections == 0
        pusher.start()
        wait_until(lambda: outbox.of("finish_outbox") == ["1"])


def test_many_threads_push_each_event_once_and_each_threads_in_order(outbox: Outbox) -> None:
    threads, events = 6, 60
    with serving(*[ACCEPTED] * (threads * events)) as other:
        pusher = make_pusher(other, outbox)
        ready = threading.Barrier(threads)

        def send(who: int) -> None:
            ready.wait(30)
            for n in range(events):
                if n % 5 == 4:
                    pusher.push([push(f"{who} {n}")])
                else:
                    begin_and_end(pusher, f"{who} {n}", here=n % 2 == 0)

        with ThreadPoolExecutor(threads) as pool:
            for sending in [pool.submit(send, who) for who in range(threads)]:
                sending.result(60)
        wait_until(lambda: len(outbox.of("finish_outbox")) == threads * events)
        rows = [row for batch in delivered(other) for row in batch]
        for who in range(threads):
            assert [row for row in rows if row.startswith(f"{who} ")] == [f"{who} {n}" for n in range(events)]
        assert len(rows) == threads * events
