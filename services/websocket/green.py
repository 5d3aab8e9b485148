"""The only module that names eventlet: green threads, their server loop and their websockets, under neutral names.

To leave eventlet, this module is rewritten (docs/decisions/0002). ``patch`` comes before any other import of the
process, because locks and sockets made earlier would block every client.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from services.websocket.begun import Begun
from services.websocket.http_head import LENGTH, Head, read_head
from shared.errors import AppError, BadRequest, HeadersTooLarge, UriTooLong

# Its own resolver would be imported, a quarter of the start, and never asked: see `patch`.
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
with warnings.catch_warnings():
    # It warns at every import that it will be retired. That is known and answered (docs/decisions/0002).
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    import eventlet
    import eventlet.event
    import eventlet.greenio
    import eventlet.hubs
    import eventlet.patcher
    import eventlet.tpool
    import eventlet.wsgi

ASYNC_MODE = "eventlet"  # Flask-SocketIO's name for it
KEEPALIVE_SECONDS = 75  # a client may take to begin its next request; longer than a balancer's
SOCKET_SECONDS = 60  # to go on with one, or to take its answer
PART_SECONDS, PART_READS = 2.0, 64  # for whoever sent no request to read the answer
LINE_BYTES = 8_192  # of the length of a chunk, or a field after the last

# As they were before ``patch``: what these do never switches green threads.
plain_selectors, plain_sockets = map(eventlet.patcher.original, ("selectors", "socket"))

spawn = eventlet.spawn
call_later = eventlet.spawn_after
sleep = eventlet.sleep
current = eventlet.getcurrent


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


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Plain and non-blocking, as whatever it accepts is a plain socket. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening: socket.socket = plain_sockets.socket(family, socket.SOCK_STREAM)
    # Without SO_REUSEPORT: a second server started by mistake would silently share the port.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(address[:2])
    listening.listen(backlog)
    listening.setblocking(False)
    return listening


class Readable:
    """A descriptor that is waited for again and again, by one green thread at a time: the loop is told of it once."""

    def __init__(self, descriptor: int) -> None:
        self._waiting: Any = None
        hub = eventlet.hubs.get_hub()
        self._switch = hub.switch
        hub.add(hub.READ, descriptor, self._wake, self._wake, None)

    def wait(self) -> None:
        self._waiting = eventlet.getcurrent()
        self._switch()

    def _wake(self, _: object) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.switch()


def wait_to_read(descriptor: int) -> None:
    eventlet.hubs.trampoline(descriptor, read=True)


def wait_for_room(connection: socket.socket, seconds: float) -> None:
    """Returns when a plain socket takes bytes again. Raises TimeoutError."""
    eventlet.hubs.trampoline(connection.fileno(), write=True, timeout=seconds, timeout_exc=TimeoutError)


def take_socket(environ: dict[str, Any]) -> tuple[socket.socket, bytes]:
    """A request's connection, plain and non-blocking, and what came on it after the request's head.

    It is the caller's now: the server's loop has lost it, and writes no answer.
    """
    request = environ["eventlet.input"]
    eventlet.wsgi.WSGI_LOCAL.already_handled = True
    return _detach(request.get_socket()), request.rfile.raw.release(request.rfile)


def _detach(connection: Any) -> socket.socket:
    served = connection.fd
    taken: socket.socket = plain_sockets.socket(served.family, served.type, served.proto, fileno=served.detach())
    taken.setblocking(False)
    return taken


class Door(Protocol):
    """Who lets clients in; the server's loop gets those that ask for something ordinary, each for one request."""

    listening: socket.socket

    def open(self, hand_over: Callable[[socket.socket, Any, bytes], None]) -> None:
        """``hand_over`` takes a connection, its address, and what was read of it so far."""

    def take_back(self, connection: socket.socket, address: Any, data: bytes) -> None:
        """The request was answered; ``data`` came after it."""

    def stop(self) -> None:
        """New clients are refused from now on; those that are here stay."""

    def close(self) -> None:
        """No further requests; returns when those under way are answered."""


class Arrivals:
    """What the server's loop takes for a listening socket: its clients are handed over to it."""

    def __init__(self, listening: socket.socket) -> None:
        self.family, self.getsockname = listening.family, listening.getsockname
        self._waiting: deque[tuple[socket.socket, Any, bytes]] = deque()
        self._bell = Bell()

    def hand_over(self, connection: socket.socket, address: Any, data: bytes) -> None:
        self._waiting.append((connection, address, data))
        self._bell.ring()

    def accept(self) -> tuple[Any, Any]:
        while not self._waiting:
            self._bell.wait()
        connection, address, data = self._waiting.popleft()
        eventlet.hubs.notify_opened(connection.fileno())
        client = eventlet.greenio.GreenSocket(connection)
        client.first = data
        return client, address

    def close(self) -> None:
        """It has nothing of its own."""


class Lines(io.BufferedReader):
    """The length of a chunk is asked for without a bound: whoever sent a line without end would be kept whole."""

    def readline(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            return super().readline(size)
        line = super().readline(LINE_BYTES)
        if len(line) == LINE_BYTES:
            raise eventlet.wsgi.ChunkReadError
        return line


class Requests(eventlet.wsgi.HttpProtocol):  # type: ignore[misc]  # published without types
    """What the server's loop does with a connection: one request, then it is the door's again."""

    door: Door
    refuse: Callable[[AppError, str], bytes]
    rfile: Any  # the connection, buffered
    headers: Any
    _plain: Head | None = None

    def setup(self) -> None:
        super().setup()
        self.rfile = Lines(Begun(self.connection.first, self.rfile.detach()))

    def handle(self) -> None:
        self.close_connection = True
        self.handle_one_request()
        if not self.close_connection and self.conn_state[2] != eventlet.wsgi.STATE_CLOSE:
            self.wfile.flush()
            rest = self.rfile.raw.release(self.rfile)
            spawn(self.door.take_back, _detach(self.connection), self.client_address, rest)

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
        super().handle_one_request()

    def parse_request(self) -> bool:
        """As http.server's, which gives each head to the parser of e-mails; heads that are not plain still go there."""
        head, self._plain = self._plain, None
        if head is None:
            try:
                return bool(super().parse_request()) and self._has_a_length()
            except (eventlet.wsgi.HeaderLineTooLong, eventlet.wsgi.HeadersTooLarge):
                self._refuse(HeadersTooLarge())
                return False
        self.rfile.fp.read(head.length - len(self.raw_requestline))  # past the loop's own look at each line
        self.command, self.path, self.request_version = head.method, head.target, "HTTP/1.1"
        self.requestline = f"{head.method} {head.target} HTTP/1.1"
        self.headers, self.close_connection = head, head.closes
        return True

    def send_error(self, code: int, *_: object, **__: object) -> None:
        """What the standard library can't read. Its own answer is HTML that quotes it."""
        self._refuse(HeadersTooLarge() if code == 431 else BadRequest())

    def log_message(self, *_: object) -> None:
        """The standard library would quote what it can't read, which may hold a token, in lines unlike the log's."""

    def _read_request_line(self) -> bytes:
        line: bytes = super()._read_request_line()
        if len(line) < self.server.url_length_limit:
            return line
        self._refuse(UriTooLong())
        return b""

    def _has_a_length(self) -> bool:
        """The loop takes the first of several, or of two kinds: where the next request begins would be a matter of
        opinion."""
        lengths = self.headers.get_all("Content-Length", ())
        codings = self.headers.get_all("Transfer-Encoding", ())
        odd = len(lengths) + len(codings) > 1 or not all(map(LENGTH.fullmatch, lengths)) or self.headers.defects
        if odd or any(coding.lower() != "chunked" for coding in codings):
            self._refuse(BadRequest())
            return False
        return True

    def _refuse(self, error: AppError) -> None:
        self.close_connection = True
        with suppress(OSError), eventlet.Timeout(PART_SECONDS, False):  # the client has gone, or goes on
            self.wfile.write(self.refuse(error, "http"))
            self.wfile.flush()
            self.connection.fd.shutdown(socket.SHUT_WR)
            for _ in range(PART_READS):  # closed on what it still sends, its answer would be cut off
                if not self.connection.recv(65_536):
                    break


def serve(
    door: Door,
    site: Callable[..., Any],
    *,
    connections: int,
    drain: Callable[[], None],
    drain_seconds: float,
    refuse: Callable[[AppError, str], bytes],
) -> bool:
    """Serves ``site`` until SIGTERM or SIGINT, then refuses new clients, calls ``drain`` and lets requests finish.

    ``refuse`` writes the answer to what is no request.

    False when the loop ended by itself.
    """
    end = eventlet.event.Event()
    arrivals = Arrivals(door.listening)
    server = eventlet.spawn(
        eventlet.wsgi.server,
        arrivals,
        site,
        protocol=type("Requests", (Requests,), {"door": door, "refuse": staticmethod(refuse)}),
        max_size=connections,
        log_output=False,
        debug=False,
        url_length_limit=16_384,
        keepalive=KEEPALIVE_SECONDS,
        socket_timeout=SOCKET_SECONDS,
    )
    server.link(lambda _: end.ready() or end.send(False))
    eventlet.spawn(_wait_for_signal, end)
    door.open(arrivals.hand_over)
    if not end.wait():
        return False
    door.stop()
    with eventlet.Timeout(drain_seconds, False), suppress(eventlet.greenlet.GreenletExit):
        drain()
        door.close()
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
    wait_to_read(reading)
    if not end.ready():
        end.send(True)
