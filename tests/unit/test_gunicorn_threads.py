"""What the worker does about clients that send or read slowly: its few threads are not theirs to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from shared.gunicorn_worker import REQUEST_SECONDS
from tests.unit.worker_loop import CHUNKED, GET, POST, Loop, answer_fine, answer_what_was_said
from tests.unit.worker_loop import loop as loop  # a fixture


@pytest.mark.parametrize(
    "data", [CHUNKED, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc"], ids=["chunks", "length"]
)
def test_a_body_that_a_thread_waits_for_is_given_up(loop: Loop, data: bytes) -> None:
    loop.worker.wsgi = answer_what_was_said
    slow = loop.connect(data)
    loop.until(lambda: loop.worker._in_threads)
    for connection, (until, how) in loop.worker._in_threads.items():
        loop.worker._in_threads[connection] = until - REQUEST_SECONDS, how
    loop.hear(slow, b"")  # whatever: it ends
    loop.until(lambda: not loop.worker._in_threads and not loop.worker.nr_conns)
    loop.worker.wsgi = answer_fine
    assert loop.hear(loop.connect(GET), b"fine")


def test_a_body_that_goes_on_is_read_to_its_end_and_the_connection_stays(loop: Loop) -> None:
    loop.worker.wsgi = answer_what_was_said
    client = loop.connect(CHUNKED)
    loop.until(lambda: loop.worker._in_threads)
    client.sendall(b"3\r\ndef\r\n0\r\n\r\n")
    assert loop.hear(client, b"abcdef")
    assert not loop.worker._in_threads
    client.sendall(CHUNKED + b"0\r\n\r\n")
    assert loop.hear(client, b"abc")


def test_an_answer_that_nobody_reads_is_given_up(loop: Loop) -> None:
    def answer_much(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(64 << 20))])
        return [bytes(1 << 20)] * 64

    loop.worker.wsgi = answer_much
    deaf = loop.connect(GET)
    loop.until(lambda: loop.worker._in_threads)
    for _ in range(2):
        for connection, (_until, how) in loop.worker._in_threads.items():
            loop.worker._in_threads[connection] = 0.0, how
        loop.worker._looked_at = float("-inf")
        loop.worker.murder_keepalived()
    loop.until(lambda: not loop.worker._in_threads)
    loop.worker.wsgi = answer_fine
    assert loop.hear(loop.connect(GET), b"fine")
    assert len(loop.hear(deaf, b"")) < 64 << 20


@pytest.mark.parametrize("next_request", ["before", "after"])
def test_who_reads_slowly_holds_no_thread_and_gets_all_of_it(loop: Loop, next_request: str) -> None:
    client = loop.connect(POST)
    loop.until(lambda: loop.road.taken)
    if next_request == "before":
        client.sendall(GET)
        loop.until(lambda: loop.worker._put_aside)
    loop.road.answer(bytes(8 << 20))
    loop.until(lambda: loop.worker._slow)
    if next_request == "after":
        client.sendall(GET)
    assert not loop.worker._in_threads
    assert loop.hear(loop.connect(GET), b"fine")
    assert len(loop.hear(client, b"fine")) > 8 << 20
    assert not loop.worker._slow


def test_who_reads_nothing_or_goes_while_an_answer_is_written_is_left(loop: Loop) -> None:
    for _ in range(2):
        client = loop.connect(POST)
        loop.until(lambda: loop.road.taken)
        loop.road.answer(bytes(8 << 20))
    loop.until(lambda: len(loop.worker._slow) == 2)
    client.close()
    loop.until(lambda: loop.worker.nr_conns == 1)
    [deaf] = loop.worker._slow
    deaf.timeout -= REQUEST_SECONDS
    loop.until(lambda: loop.worker.nr_conns == 0)
    assert not loop.worker._slow
