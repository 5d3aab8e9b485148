"""The worker's loop on real connections, one round at a time, with a road and an app of the test's own."""

from __future__ import annotations

import logging
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from gunicorn.config import Config

from shared.gunicorn_worker import Worker
from shared.server import QuietLogger
from shared.short_road import Replies, Reply, Request

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


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
