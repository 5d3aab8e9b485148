"""The only module that names eventlet: green threads, their server loop and their websockets, under neutral names.

To leave eventlet, this module is rewritten (docs/decisions/0002). ``patch`` comes before any other import of the
process, because locks and sockets made earlier would block every client.
"""

from __future__ import annotations

import io
import os
import re
import selectors
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeGuard

import structlog

from services.websocket.http_head import Head, read_head

# Its own resolver would be imported, a quarter of the start, and never asked: see `patch`.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
with warnings.catch_warnings():
    # It warns at every import that it will be retired. That is known and answered (docs/decisions/0002).
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    import eventlet
    import eventlet.event
    import eventlet.hubs
    import eventlet.patcher
    import eventlet.tpool
    import eventlet.wsgi

ASYNC_MODE = "eventlet"  # Flask-SocketIO's name for it
# A crowd that comes at once is let in by a few at a time: requests and everybody else get their turns in between.
ACCEPTS_A_TURN = CALLBACKS_A_TURN = 16
LENGTH = re.compile(r"[0-9]{1,7}")

_selectors = eventlet.patcher.original("selectors")
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

spawn = eventlet.spawn
call_later = eventlet.spawn_after
sleep = eventlet.sleep

log = structlog.get_logger()


def patch() -> None:
    """Makes the standard library's blocking calls switch to other green threads."""
    resolve = socket.getaddrinfo
    eventlet.monkey_patch()
    # Names are resolved as everywhere on this machine (hosts file, search domains), in a thread that blocks nobody.
    socket.getaddrinfo = lambda *args, **named: eventlet.tpool.execute(resolve, *args, **named)


class Bell:
    """Wakes whoever waits; costs nothing while nobody does."""

    def __init__(self) -> None:
        self._event: Any = None

    def wait(self, seconds: float | None = None) -> None:
        if self._event is None:
            self._event = eventlet.event.Event()
        self._event.wait(seconds)

    def ring(self) -> None:
        event, self._event = self._event, None
        if event is not None:
            event.send()


class Watch:
    """Calls back for each of many sockets that has something to read, or room again, in one green thread for all.

    Its selector (epoll, kqueue) is a single descriptor for the server's loop. Callbacks must not wait;
    one whose socket was removed a moment ago may still come. One that raises loses its socket, which costs no other.
    """

    def __init__(self) -> None:
        self._selector: Any = None

    def add(self, connection: socket.socket, ready: Callable[[int], None]) -> None:
        """``ready`` is called with READ, for now."""
        if self._selector is None:
            self._selector = _selectors.DefaultSelector()
            spawn(self._run)
        self._selector.register(connection.fileno(), READ, ready)

    def change(self, connection: socket.socket, before: int, interest: int, ready: Callable[[int], None]) -> None:
        """``before`` and ``interest`` are sums of READ and WRITE; 0 removes it, and comes before its closing."""
        if not interest:
            self._selector.unregister(connection.fileno())
        elif not before:
            self._selector.register(connection.fileno(), interest, ready)
        else:
            self._selector.modify(connection.fileno(), interest, ready)

    def _run(self) -> None:
        while True:
            eventlet.hubs.trampoline(self._selector.fileno(), read=True)
            for n, (key, events) in enumerate(self._selector.select(0), 1):
                try:
                    key.data(events)
                except Exception:
                    log.exception("bug")
                    with suppress(KeyError, ValueError, OSError):
                        self._selector.unregister(key.fd)
                if n % CALLBACKS_A_TURN == 0:
                    sleep(0)


def take_socket(environ: dict[str, Any]) -> socket.socket:
    """The connection of a request, plain and non-blocking. It is the caller's now: the server's loop has lost it."""
    served = environ["eventlet.input"].get_socket().fd
    kind = type(served)
    taken: socket.socket = kind(served.family, served.type, served.proto, fileno=served.detach())
    taken.setblocking(False)
    return taken


def leave_unanswered() -> None:
    """Called in a request whose socket was taken: the loop writes no answer."""
    eventlet.wsgi.WSGI_LOCAL.already_handled = True


class Listener:
    """A listening socket that outlives what goes wrong with a single client.

    ``most_files``: clients that would take the process past so many descriptors are hung up on. A new descriptor is the
    lowest that is free, so its number tells how many are taken.
    """

    def __init__(self, host: str, port: int, backlog: int) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With SO_REUSEPORT, eventlet's default, a second server started by mistake would silently share the port.
        self._socket = eventlet.listen(address[:2], family, backlog=backlog, reuse_port=False)
        self.family = family
        self.most_files = sys.maxsize
        self._stopped = False
        self._accepted = 0

    def accept(self) -> tuple[Any, Any]:
        while not self._stopped:
            self._accepted += 1
            if self._accepted % ACCEPTS_A_TURN == 0:
                sleep(0)
            try:
                client, address = self._socket.accept()
            except OSError:
                # No file descriptors left, or a client that hung up in the queue: eventlet's loop would end.
                sleep(0.05)
                continue
            if client.fileno() >= self.most_files:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return client, address
        return eventlet.event.Event().wait()  # type: ignore[no-any-return]  # until the loop is killed

    def stop(self) -> None:
        """New clients are refused from now on; those that are here stay."""
        self._stopped = True
        with suppress(OSError):
            self._socket.fd.shutdown(socket.SHUT_RDWR)

    def getsockname(self) -> Any:
        return self._socket.getsockname()

    def close(self) -> None:
        self._socket.close()


class ShortRoad(Protocol):
    """For requests that begin so, of those it ``knows`` by their heads: nobody else's bodies are waited for.

    ``answer`` is given a whole one, and may leave it to the site with None.
    """

    beginning: bytes

    def knows(self, head: Head, /) -> bool: ...

    def answer(self, request: bytes, /) -> bytes | None: ...


class Requests(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]  # published without types
    """What the server's loop does with each connection: request after request, those of the short road apart."""

    short_road: ShortRoad
    rfile: Any  # the connection, buffered
    _plain: Head | None = None

    def handle_one_request(self) -> None:
        self.connection.settimeout(self.server.keepalive)
        try:
            data = self.rfile.peek(1)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        if not data:
            self.close_connection = True
            return
        self._plain = read_head(data)
        if not data.startswith(self.short_road.beginning) or not self._is_short(self._plain):
            super().handle_one_request()
            return
        try:
            self._take_short_road(self._plain)
        except TimeoutError:
            raise
        except OSError:  # it hung up
            self.close_connection = True

    def _is_short(self, head: Head | None) -> TypeGuard[Head]:
        if head is None or head.get("Expect") is not None or head.get("Transfer-Encoding") is not None:
            return False
        return LENGTH.fullmatch(head.get("Content-Length") or "") is not None and self.short_road.knows(head)

    def _take_short_road(self, head: Head) -> None:
        """Raises OSError for a client that hung up."""
        self.connection.settimeout(self.server.socket_timeout)
        request = self.rfile.read(head.length + int(head.get("Content-Length") or 0))
        self.conn_state[2] = eventlet.wsgi.STATE_REQUEST
        answer = self.short_road.answer(request)
        if answer is not None:
            self.close_connection = False
            self.connection.sendall(answer)
            return
        rfile, self.rfile = self.rfile, io.BytesIO(request)
        try:
            super().handle_one_request()
        finally:
            self.rfile = rfile

    def parse_request(self) -> bool:
        """As http.server's, which gives each head to the parser of e-mails; heads that are not plain still go there."""
        head, self._plain = self._plain, None
        if head is None:
            return bool(super().parse_request())
        self.rfile.fp.read(head.length - len(self.raw_requestline))  # past the loop's own look at each line
        self.command, self.path, self.request_version = head.method, head.target, "HTTP/1.1"
        self.requestline = f"{head.method} {head.target} HTTP/1.1"
        self.headers, self.close_connection = head, head.closes
        return True


def serve(
    listener: Listener,
    site: Callable[..., Any],
    short_road: ShortRoad,
    *,
    connections: int,
    drain: Callable[[], None],
    drain_seconds: float,
) -> bool:
    """Serves ``site`` until SIGTERM or SIGINT, then refuses new clients, calls ``drain`` and lets requests finish.

    False when the loop ended by itself.
    """
    end = eventlet.event.Event()
    server = eventlet.spawn(
        eventlet.wsgi.server,
        listener,
        site,
        protocol=type("Requests", (Requests,), {"short_road": short_road}),
        max_size=connections,
        log_output=False,
        debug=False,
        url_length_limit=16_384,
        keepalive=75,  # seconds; longer than a balancer's
        socket_timeout=60,
    )
    server.link(lambda _: end.ready() or end.send(False))
    eventlet.spawn(_wait_for_signal, end)
    if not end.wait():
        return False
    listener.stop()
    with eventlet.Timeout(drain_seconds, False), suppress(eventlet.greenlet.GreenletExit):
        drain()
        server.kill()
        server.wait()
    return True


def _wait_for_signal(end: Any) -> None:
    # A handler that only sets a flag is not looked at by an idle hub before its next event; a pipe is an event.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    eventlet.hubs.trampoline(reading, read=True)
    if not end.ready():
        end.send(True)
