"""One address that is posted to all the time: one kept connection, the head prepared, no hand through many layers.

``requests`` and what is below it cost more processor time than both services need for a delivery. Whatever is unusual
(https, an answer that is not told by its length) is left to ServiceClient, which means the same by every outcome.
What is posted here has to bear being posted twice: a kept connection may close before its answer is read.
"""

from __future__ import annotations

import re
import select
import socket
import time
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import orjson

from shared.errors import Unavailable
from shared.service_client import CONNECT_SECONDS, READ_SECONDS, ServiceClient, read_outcome

HEAD_BYTES = 16_384
ANSWER_BYTES = 1_048_576
STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9])[ \r]")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,7})[ \t]*\r\n", re.IGNORECASE)
ODD = re.compile(rb"\r\n(?:transfer-encoding|content-encoding):|\r\ncontent-length:.*\r\ncontent-length:", re.I | re.S)
CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)


class _Unusual(Exception):
    """The answer is not one to be read here."""


class _Lost(Exception):
    """The connection closed before anything of the answer came."""


class KeptPost:
    """For one thread at a time: ``begin`` and then, maybe in another thread, ``finish``."""

    def __init__(self, client: ServiceClient, path: str, *, read_seconds: float = READ_SECONDS) -> None:
        self._client, self._path, self._read_seconds = client, path, read_seconds
        parts = urlsplit(client.base_url)
        self._place = parts.hostname or "", parts.port or 80
        self._plain = parts.scheme == "http" and parts.username is None and not parts.query and not parts.fragment
        self._head = (
            f"POST {parts.path}{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Authorization: {client.authorization}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._socket: socket.socket | None = None
        self._wait = select.poll()
        self._body = b""
        self._unsent: memoryview | None = None

    def begin(self, body: bytes) -> None:
        """Gives ``body``, JSON, to a connection that is there, as far as that takes it now. Never waits or raises."""
        self._body, self._unsent = body, None
        if self._socket is None:
            return
        if self._wait.poll(0):  # closed while idle, or told something nobody asked for
            self._close()
            return
        self._unsent = memoryview(self._request())
        with suppress(OSError):  # `finish` will hear of it
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def finish(self) -> dict[str, Any]:
        """The answer's JSON object. Raises Unavailable or ServiceRefused, as ServiceClient does."""
        if not self._plain:
            return self._client.post_encoded(self._path, self._body)
        was_kept = self._socket is not None
        try:
            try:
                status, said = self._finish()
            except _Lost:
                if not was_kept:
                    raise
                status, said = self._finish()
        except _Unusual:
            self._plain = False
            return self._client.post_encoded(self._path, self._body)
        except (OSError, _Lost) as error:
            self._close()
            raise Unavailable() from error
        try:
            body = orjson.loads(said) if said else {}
        except ValueError as error:
            raise Unavailable() from error
        return read_outcome(status, body)

    def _finish(self) -> tuple[int, bytes]:
        connection = self._socket
        if connection is None:
            connection = self._connect()
            self._unsent = memoryview(self._request())
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # what it refuses early, it may have said why
                self._send_rest(connection)
            answer = self._read(connection)
        except (BrokenPipeError, ConnectionResetError) as error:
            self._lose(error)
        if self._unsent:
            self._close()
        return answer

    def _request(self) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head, len(self._body), self._body)

    def _connect(self) -> socket.socket:
        connection = self._socket = socket.create_connection(self._place, CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        self._wait.register(connection, select.POLLIN)
        return connection

    def _send_rest(self, connection: socket.socket) -> None:
        while self._unsent:
            try:
                self._unsent = self._unsent[connection.send(self._unsent) :]
            except BlockingIOError:
                self._wait_for(connection, select.POLLOUT)
        self._unsent = None

    def _read(self, connection: socket.socket) -> tuple[int, bytes]:
        """Status and body."""
        received, wanted, until = b"", 0, time.monotonic() + self._read_seconds
        while not wanted or len(received) < wanted:
            self._wait_for(connection, select.POLLIN, until)
            part = connection.recv(65_536)
            if not part and not received:
                self._lose(None)
            if not part:
                raise ConnectionError("the other service left in the middle of its answer")
            received += part
            if not wanted:
                wanted = self._count_wanted(received)
        status = STATUS.match(received)
        assert status is not None
        end = received.index(b"\r\n\r\n") + 4
        if len(received) > wanted or CLOSES.search(received, 0, end):
            self._close()
        return int(status[1]), received[end:wanted]

    def _count_wanted(self, received: bytes) -> int:
        """How many bytes the answer has; 0 while its head is not whole."""
        end = received.find(b"\r\n\r\n")
        if end < 0:
            if len(received) > HEAD_BYTES:
                self._leave()
            return 0
        length = LENGTH.search(received, 0, end + 2)
        if not STATUS.match(received) or length is None or ODD.search(received[: end + 2]):
            self._leave()
        if int(length[1]) > ANSWER_BYTES:
            self._leave()
        return end + 4 + int(length[1])

    def _wait_for(self, connection: socket.socket, what: int, until: float | None = None) -> None:
        """Raises TimeoutError."""
        seconds = self._read_seconds if until is None else until - time.monotonic()
        if what != select.POLLIN:
            self._wait.modify(connection, what)
        try:
            if seconds <= 0 or not self._wait.poll(seconds * 1000):
                raise TimeoutError("the other service did not answer in time")
        finally:
            if what != select.POLLIN:
                self._wait.modify(connection, select.POLLIN)

    def _lose(self, cause: OSError | None) -> NoReturn:
        self._close()
        raise _Lost() from cause

    def _leave(self) -> NoReturn:
        self._close()
        raise _Unusual()

    def _close(self) -> None:
        if self._socket is not None:
            self._wait.unregister(self._socket)
            self._socket.close()
            self._socket = None
