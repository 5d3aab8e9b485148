"""gunicorn's threaded worker, answering what never reaches Flask in the contract's shape too.

The worker's loop reads what comes on connections itself, from their first request on, and gives what is plain to the
app's short roads (``shared/short_road.py``). All that is kept of a connection is touched by that loop's thread alone.
"""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

from shared.errors import AppError, BadRequest, HeadersTooLarge, UriTooLong
from shared.short_road import EXTENSION, REQUEST_BYTES, Replies, Reply, ShortRoad, count_wanted, frame, read_request
from shared.unread import refuse

NOTIFY_SECONDS = 1.0  # how often the arbiter is told that we live; it waits 30
PART_SECONDS = (
    2.0  # for the client to read the last answer and close; closed at once, what it still sends cuts that off
)
REQUEST_SECONDS = 30.0  # for all of a request: in a thread, a few that stop half-way held all. And to read its answer
LOOK_SECONDS = 1.0  # how often connections are looked through for those that were idle too long
FULL_SECONDS = 1.0  # without new connections, when there is no room for one: there is work to do for the others
NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = structlog.get_logger()


class _Begun:
    """What has come of a request, and how much of it there must be before anybody looks again."""

    __slots__ = ("data", "wanted")

    def __init__(self) -> None:
        self.data = b""
        self.wanted = 0


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._roads: list[ShortRoad] = []
        self._begun: dict[Any, _Begun] = {}
        self._on_the_road: set[Any] = set()  # connections whose request is being answered
        self._put_aside: set[Any] = set()  # of those, the ones that are not listened to meanwhile
        self._slow: set[Any] = set()  # to whom not all of an answer could be sent yet
        self._in_threads: dict[Any, tuple[float, int]] = {}  # until when they may, and what is shut then
        self._looked_at = self._notified_at = self._full_until = float("-inf")

    def notify(self) -> None:
        """gunicorn's own touches a file in every round of the loop, which waits while the disk writes its journal."""
        now = time.monotonic()
        if now - self._notified_at >= NOTIFY_SECONDS:
            self._notified_at = now
            super().notify()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._roads = self.wsgi.extensions.get(EXTENSION, [])
        for road in self._roads:
            road.open(lambda replies: self.method_queue.defer(self._reply_all, replies))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        super().wait_for_and_dispatch_events(timeout)
        for road in self._roads:
            road.set_out()

    def accept(self, listener: Any) -> None:
        """gunicorn's own has a thread wait for the first request."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another process was faster, or the client has left
            return
        except OSError as reason:
            if reason.errno not in NO_ROOM:
                raise
            log.warning("no_room_for_connections", cause=reason.strerror)
            self._full_until = time.monotonic() + FULL_SECONDS
            self.set_accept_enabled(False)
            return
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.timeout = time.monotonic() + REQUEST_SECONDS
        self.keepalived_conns.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.on_client_socket_readable, connection))

    def set_accept_enabled(self, enabled: bool) -> None:
        """Asked in every round of the loop."""
        super().set_accept_enabled(enabled and time.monotonic() >= self._full_until)

    def on_client_socket_readable(self, connection: Any, client: Any) -> None:
        if client.fileno() < 0:  # left in the round in which this had something to say
            return
        if connection in self._on_the_road:
            # More than one request at a time, or the client has left: it is its turn after the answer.
            self.poller.unregister(client)
            self._put_aside.add(connection)
            return
        if connection in self._slow:  # called in the round in which this began
            return
        if self.alive and self._take(connection, client):
            return
        connection.init()
        begun = self._begun.pop(connection, None)
        if begun is not None:
            connection.parser.unreader.unread(begun.data)
        super().on_client_socket_readable(connection, client)

    def _take(self, connection: Any, client: Any) -> bool:
        """Whether it is the loop's: a short road answers, or more of the request is to come."""
        try:
            received = client.recv(REQUEST_BYTES)
        except BlockingIOError:
            return True  # nothing has come after all
        except OSError:
            return False
        begun = self._begun.get(connection)
        if begun is None:
            begun = self._begun[connection] = _Begun()
            connection.timeout = time.monotonic() + REQUEST_SECONDS
        begun.data += received
        if received and len(begun.data) < begun.wanted:
            return True
        try:
            request = read_request(begun.data)
            if request is not None and any(road.take(request, connection) for road in self._roads):
                del self._begun[connection]
                self._on_the_road.add(connection)
                connection.set_timeout()
                return True
        except Exception:
            log.exception("short_road_left")
            return False
        if request is not None or not received:
            return False
        begun.wanted = count_wanted(begun.data)
        return len(begun.data) < begun.wanted

    def _reply_all(self, replies: Replies) -> None:
        for connection, reply in replies:
            try:
                self._reply(connection, reply)
            except OSError:
                self._leave(connection)

    def _reply(self, connection: Any, reply: Reply) -> None:
        """Raises OSError when the client has gone."""
        self._on_the_road.remove(connection)
        put_aside = connection in self._put_aside
        self._put_aside.discard(connection)
        closes = not self.alive
        data = frame(reply, closes=closes)
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data) or closes or put_aside:
            if not put_aside:
                self.poller.unregister(connection.sock)
            self._end_reply(connection, memoryview(data)[sent:], closes)
        else:
            connection.set_timeout()

    def _end_reply(self, connection: Any, rest: memoryview, closes: bool) -> None:
        """Of a connection that nobody listens to: the client reads slowly, is parted with, or may say more."""
        if rest:
            self._slow.add(connection)
            connection.timeout = time.monotonic() + REQUEST_SECONDS
            self.poller.register(connection.sock, EVENT_WRITE, partial(self._send_rest, connection, rest, closes))
        elif closes:
            self.keepalived_conns.remove(connection)
            self._part(connection)
        else:
            connection.set_timeout()
            on_readable = partial(self.on_client_socket_readable, connection)
            self.poller.register(connection.sock, EVENT_READ, on_readable)

    def _send_rest(self, connection: Any, rest: memoryview, closes: bool, client: Any) -> None:
        if client.fileno() < 0:
            return
        try:
            rest = rest[client.send(rest) :]
        except BlockingIOError:
            return
        except OSError:  # the client has gone
            self._leave(connection)
            return
        if rest:
            self.poller.modify(client, EVENT_WRITE, partial(self._send_rest, connection, rest, closes))
        else:
            self.poller.unregister(client)
            self._slow.discard(connection)
            self._end_reply(connection, rest, closes)

    def enqueue_req(self, connection: Any) -> None:
        self._in_threads[connection] = time.monotonic() + REQUEST_SECONDS, socket.SHUT_RD
        super().enqueue_req(connection)

    def _hurry_threads(self, now: float) -> None:
        """A thread that waits for the rest of a request hears that there is none, and later that nobody reads."""
        for connection, (until, how) in list(self._in_threads.items()):
            if until <= now:
                self._in_threads[connection] = now + REQUEST_SECONDS, socket.SHUT_RDWR
                with suppress(OSError):  # the client has gone
                    connection.sock.shutdown(how)

    def finish_request(self, connection: Any, done: Any) -> None:
        """gunicorn's own waits in the loop, for all, until a client closes whose connection is not kept."""
        self._in_threads.pop(connection, None)
        if done.cancelled() or (done.exception() is None and not done.result()):
            self._part(connection)
        else:
            super().finish_request(connection, done)

    def _part(self, connection: Any) -> None:
        """RFC 9112, 9.6: says that no more will come, and closes once the client has or PART_SECONDS are over."""
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
            self.poller.register(connection.sock, EVENT_READ, partial(self._drain, connection))
        except OSError:  # the client has gone
            self._leave(connection)
            return
        connection.timeout = time.monotonic() + PART_SECONDS
        self.keepalived_conns.append(connection)

    def _drain(self, connection: Any, client: Any) -> None:
        if client.fileno() < 0:
            return
        try:
            if client.recv(REQUEST_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._leave(connection)

    def _leave(self, connection: Any) -> None:
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(connection.sock)
        with suppress(ValueError):
            self.keepalived_conns.remove(connection)
        self._begun.pop(connection, None)
        self._slow.discard(connection)
        self.nr_conns -= 1
        connection.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """gunicorn's own takes the first for the one that is idle longest; on the short road they keep their places."""
        now = time.monotonic()
        if not force and self.alive and now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._hurry_threads(now)
        for connection in list(self.keepalived_conns):
            if force or (connection.timeout <= now and connection not in self._on_the_road):
                self._leave(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        """As gunicorn's own, which lets the loop of a stopping worker spin for answers that come after ``deadline``."""
        for connection in self.keepalived_conns:
            if connection not in self._on_the_road:
                connection.timeout = min(connection.timeout, deadline)
        for connection, (until, how) in self._in_threads.items():  # a request that is not whole is not waited for
            self._in_threads[connection] = min(until, deadline), how

    def handle_error(self, _request: Any, client: Any, _address: Any, cause: BaseException) -> None:
        """The connection's last answer. gunicorn's own is HTML, and its log line quotes the address."""
        with suppress(OSError):  # the client may have gone
            write_nonblock(client, refuse(_as_app_error(cause), type(cause).__name__))


def _as_app_error(cause: BaseException) -> AppError:
    if isinstance(cause, LimitRequestLine):
        return UriTooLong()
    if isinstance(cause, LimitRequestHeaders):
        return HeadersTooLarge()
    return BadRequest() if isinstance(cause, ParseException) else AppError()
