"""The worker's loop on real connections, one round at a time, with a road and an app of the test's own."""

from __future__ import annotations

import logging
import os
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from gunicorn.config import Config
from structlog.testing import capture_logs

from shared.gunicorn_worker import PART_SECONDS, REQUEST_SECONDS, Worker
from shared.server import QuietLogger
from shared.short_road import Replies, Reply, Request

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def answer_fine(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "4")])
    return [b"fine"]


def answer_what_was_said(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    said = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]


class Road:
    """Takes what is sent to /short, and answers when it is told to."""

    def __init__(self) -> None:
        self.reply: Callable[[Replies], None] = lambda _: None
        self.taken: list[tuple[Any, Request]] = []

    def open(self, reply: Callable[[Replies], None]) -> None:
        self.reply = reply

    def take(self, request: Request, ticket: Any) -> bool:
        if request.line != "POST /short":
            return False
        self.taken.append((ticket, request))
        return True

    def set_out(self) -> None: ...

    def answer(self, body: bytes = b"") -> None:
        taken, self.taken = self.taken, []
        self.reply([(ticket, Reply(201, {}, body or request.body)) for ticket, request in taken])


class Loop:
    """A worker of one thread; nothing happens in it but in ``until``."""

    def __init__(self) -> None:
        self.road = Road()
        config = Config()
        config.set("threads", 1)
        config.set("keepalive", 75)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.worker = Worker(0, os.getppid(), [self.listener], None, 30, config, QuietLogger(config))
        self.worker.poller = selectors.DefaultSelector()
        self.worker.tpool = ThreadPoolExecutor(1)
        self.worker.method_queue.init()
        queue = self.worker.method_queue
        self.worker.poller.register(queue.fileno(), selectors.EVENT_READ, queue.run_callbacks)
        self.worker.wsgi = answer_fine
        self.worker.alive = True
        self.worker._roads = [self.road]
        self.road.open(lambda replies: queue.defer(self.worker._reply_all, replies))
        self.worker.set_accept_enabled(True)
        self.clients: list[socket.socket] = []

    def connect(self, data: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), timeout=30)
        self.clients.append(client)
        client.sendall(data)
        return client

    def until(self, reached: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not reached():
            assert time.monotonic() < deadline
            self.worker.wait_for_and_dispatch_events(0.05)
            self.worker.murder_keepalived()

    def hear(self, client: socket.socket, end: bytes) -> bytes:
        """What comes until ``end``, or all there is when it is empty."""
        heard = b""
        client.setblocking(False)

        def is_there() -> bool:
            nonlocal heard
            while True:
                try:
                    more = client.recv(1 << 20)
                except BlockingIOError:
                    return False
                heard += more
                if not more or (end != b"" and heard.endswith(end)):
                    return True

        self.until(is_there)
        return heard

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.worker.murder_keepalived(force=True)
        self.worker.tpool.shutdown()
        self.worker.poller.close()
        self.worker.method_queue.close()
        self.worker.tmp.close()
        self.listener.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    levels = {name: logging.getLogger(name).level for name in ("gunicorn.error", "gunicorn.access")}
    made = Loop()
    try:
        yield made
    finally:
        made.close()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def test_nobody_waits_for_a_client_that_does_not_close(loop: Loop) -> None:
    old = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
    unclosed = [loop.connect(old) for _ in range(3)]
    for client in unclosed:
        assert loop.hear(client, b"").endswith(b"fine")  # and no more will come
    assert loop.worker.nr_conns == 3  # none of which was waited for
    assert loop.hear(loop.connect(GET), b"fine")
    unclosed[0].close()
    loop.until(lambda: loop.worker.nr_conns == 3)
    for connection in loop.worker.keepalived_conns:
        connection.timeout -= PART_SECONDS
    loop.until(lambda: loop.worker.nr_conns == 1)


def test_what_a_client_sends_after_its_last_answer_does_not_cut_that_off(loop: Loop) -> None:
    client = loop.connect(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    loop.until(lambda: loop.worker.keepalived_conns and loop.worker.keepalived_conns[0].initialized)
    client.sendall(b"and more" * 1_000)
    assert loop.hear(client, b"").endswith(b"fine")
    client.shutdown(socket.SHUT_WR)
    loop.until(lambda: loop.worker.nr_conns == 0)


def test_who_resets_the_connection_is_forgotten(loop: Loop) -> None:
    client = loop.connect(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    loop.until(lambda: loop.worker.nr_conns == 0)
    assert not loop.worker.keepalived_conns


@pytest.mark.parametrize("much", [False, True])
def test_who_resets_as_the_answer_comes_ends_no_worker(loop: Loop, much: bool) -> None:
    for _ in range(5):
        client = loop.connect(POST)
        loop.until(lambda: loop.road.taken)
        if much:
            loop.road.answer(bytes(8 << 20))
            loop.until(lambda: loop.worker._slow)
        else:
            loop.road.answer()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        loop.until(lambda: loop.worker.nr_conns == 0)
    assert loop.hear(loop.connect(GET), b"fine")


def test_a_stopping_worker_does_not_hurry_for_an_answer_that_is_under_way(loop: Loop) -> None:
    client, idle = loop.connect(POST), loop.connect(GET)
    assert loop.hear(idle, b"fine")
    loop.until(lambda: loop.road.taken and len(loop.worker.keepalived_conns) == 2)
    loop.worker.alive = False
    soon = time.monotonic() + 2
    loop.worker._cap_keepalive(soon)
    timeouts = [connection.timeout for connection in loop.worker.keepalived_conns]
    assert (min(timeouts), max(timeouts) > soon) == (soon, True)
    loop.road.answer()
    assert b"Connection: close\r\n" in loop.hear(client, b"")


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


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


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


def test_the_last_answer_of_a_stopping_worker_is_sent_whole(loop: Loop) -> None:
    client = loop.connect(POST)
    loop.until(lambda: loop.road.taken)
    loop.worker.alive = False
    loop.road.answer(bytes(8 << 20))
    assert len(loop.hear(client, b"")) > 8 << 20
    client.close()
    loop.until(lambda: loop.worker.nr_conns == 0)


def test_a_stopping_worker_waits_for_no_request_that_is_not_whole(loop: Loop) -> None:
    loop.worker.wsgi = answer_what_was_said
    slow = loop.connect(CHUNKED)
    loop.until(lambda: loop.worker._in_threads)
    loop.worker.alive = False
    loop.worker._cap_keepalive(time.monotonic())
    loop.hear(slow, b"")
    loop.until(lambda: not loop.worker.nr_conns)


def test_who_has_not_said_a_word_is_left_sooner_than_who_is_kept(loop: Loop) -> None:
    loop.connect(b"")
    kept = loop.connect(GET)
    assert loop.hear(kept, b"fine")
    loop.until(lambda: len(loop.worker.keepalived_conns) == 2)
    silent, known = sorted(connection.timeout - time.monotonic() for connection in loop.worker.keepalived_conns)
    assert silent <= REQUEST_SECONDS < known


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


def test_who_does_not_go_on_is_left(loop: Loop) -> None:
    half, idle = loop.connect(GET[:-1]), loop.connect(GET)
    assert loop.hear(idle, b"fine")
    loop.until(lambda: loop.worker._begun and loop.worker.nr_conns == 2)
    for connection in loop.worker.keepalived_conns:
        connection.timeout -= REQUEST_SECONDS
    assert loop.hear(half, b"") == b""
    assert loop.worker.nr_conns == 1
    idle.sendall(GET)
    assert loop.hear(idle, b"fine")
    assert not loop.worker._begun


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
    with capture_logs() as lines:
        answer = loop.hear(loop.connect(data), b"")
    assert answer.split()[1] == status
    assert [line["event"] for line in lines] == ["request_not_read"]
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
