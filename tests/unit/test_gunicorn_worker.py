"""Which road a request takes through the worker, whole or in pieces."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.unit.worker_loop import GET, POST, Loop
from tests.unit.worker_loop import loop as loop  # a fixture


def test_requests_that_stop_half_way_hold_no_thread_and_may_go_on(loop: Loop) -> None:
    half = [
        loop.connect(data)
        for data in (b"G", GET[:-1], POST[:-1], b"PATCH / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    ]
    loop.until(lambda: len(loop.worker._begun) == 4)
    assert loop.hear(loop.connect(GET), b"fine")  # by the only thread
    assert loop.worker.tpool._work_queue.empty()
    half[1].sendall(GET[-1:])
    assert loop.hear(half[1], b"fine")
    half[2].sendall(POST[-1:])
    loop.until(lambda: loop.road.taken)
    loop.road.answer()
    assert loop.hear(half[2], b"{}")
    half[3].sendall(b"12345678")
    assert loop.hear(half[3], b"fine")
    assert len(loop.worker._begun) == 1


def test_half_requests_hold_no_thread_of_an_app_without_a_road(loop: Loop) -> None:
    loop.worker._roads = []
    half = [loop.connect(data) for data in (b"G", GET[:-1], POST[:-1])]
    loop.until(lambda: len(loop.worker._begun) == 3)
    assert loop.hear(loop.connect(GET), b"fine")
    half[2].sendall(POST[-1:])
    assert loop.hear(half[2], b"fine")


def test_without_room_for_a_connection_the_others_are_served(loop: Loop) -> None:
    known = loop.connect(GET)
    assert loop.hear(known, b"fine")
    waiting = loop.connect(GET)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (waiting.fileno() + 20, limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(waiting.fileno()))
        with capture_logs() as lines:
            loop.until(lambda: lines)
        assert [line["event"] for line in lines] == ["no_room_for_connections"]
        loop.worker.set_accept_enabled(True)
        assert not loop.worker._accepting  # for a while
        known.sendall(GET)
        assert loop.hear(known, b"fine")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)
    loop.worker._full_until = 0.0
    loop.worker.set_accept_enabled(True)
    assert loop.hear(waiting, b"fine")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", b"400"),
        (b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", b"400"),
        (POST.replace(b"Host: x", b"Host: x" + b"".join(b"\r\nX-%d: 1" % n for n in range(99))), b"431"),
    ],
    ids=["line feeds", "a length", "fields"],
)
def test_what_gunicorn_refuses_is_refused_at_once_and_logs_no_failure_of_the_road(
    loop: Loop, data: bytes, status: bytes
) -> None:
    with capture_logs([merge_contextvars]) as lines:
        answer = loop.hear(loop.connect(data), b"")
    assert answer.split()[1] == status
    assert [line["event"] for line in lines] == ["request_not_read"]
    assert f"X-Request-Id: {lines[0]['request_id']}".encode() in answer.split(b"\r\n")
    assert not loop.road.taken


@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_an_unusual_request_goes_the_ordinary_road_as_soon_as_it_is_whole(loop: Loop, pieces: int) -> None:
    head, body = POST.replace(b"\r\nHost", b"\r\nTE: trailers\r\nHost").split(b"{", 1)
    sent = [head + b"{" + body, head, head + b"{"][pieces - 1]
    client = loop.connect(sent)
    rest = (head + b"{" + body)[len(sent) :]
    if rest:
        loop.until(lambda: [begun.data for begun in loop.worker._begun.values()] == [sent])
        client.sendall(rest)
    assert loop.hear(client, b"fine")
    assert loop.road.taken == []
