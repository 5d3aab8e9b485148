"""Clients as they come: python-socketio's, and raw sockets for what no stock client does."""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
import time
from typing import Any, Protocol

import socketio

from tests.websocket.service import Service, wait_until


class Reachable(Protocol):
    url: str


class Client:
    """python-socketio's client. It runs a thread for each event, so what it hears may stand in another order."""

    def __init__(self, service: Reachable, *, transports: list[str] | None = None, reconnect: bool = False) -> None:
        self._service, self._transports = service, transports
        self._lock = threading.Lock()
        self.heard: list[tuple[str, Any]] = []
        self.errors: list[Any] = []
        self.connected_at: list[float] = []
        self.ends: list[str] = []
        self.io = socketio.Client(reconnection=reconnect, reconnection_delay=0.1, reconnection_delay_max=0.3)
        self.io.on("*", self._hear)
        self.io.on("connect", self._connected)
        self.io.on("connect_error", self.errors.append)
        self.io.on("disconnect", self.ends.append)

    def _hear(self, event: str, data: Any) -> None:
        with self._lock:
            self.heard.append((event, data))

    def _connected(self) -> None:
        self.connected_at.append(time.monotonic())

    @property
    def connects(self) -> int:
        return len(self.connected_at)

    def connect(self, token: str | None = None, headers: dict[str, str] | None = None) -> Client:
        """Raises socketio.exceptions.ConnectionError when refused."""
        auth = {"token": token} if token is not None else None
        self.io.connect(
            self._service.url, auth=auth, headers=headers or {}, transports=self._transports, wait_timeout=10
        )
        return self

    def close(self) -> None:
        self.io.shutdown()
        for task in (self.io.eio.read_loop_task, self.io.eio.write_loop_task):
            if task is not None:
                task.join(5)

    def of(self, event: str) -> list[Any]:
        with self._lock:
            return [data for name, data in self.heard if name == event]

    def wait_for(self, event: str, count: int = 1, seconds: float = 20.0) -> list[Any]:
        wait_until(lambda: len(self.of(event)) >= count, seconds, f"{count} times {event}, heard {len(self.of(event))}")
        return self.of(event)

    @property
    def transport(self) -> str:
        return str(self.io.transport())


class RawClient:
    """A websocket by hand: it reads when it is told to, and can say anything."""

    def __init__(
        self, service: Service, token: str | None = None, *, headers: str = "", buffer_bytes: int | None = None
    ) -> None:
        """``headers``: further lines of the handshake, each with its end."""
        self.socket = socket.socket()
        if buffer_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", service.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
            f"Sec-WebSocket-Key: {key}\r\n{headers}\r\n".encode()
        )
        self.hears_pings = False  # Engine.IO's; the others are not about them
        self._file = self.socket.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self._file.readline()
        assert self.read()[1].startswith(b"0{")
        if token is not None:
            self.write(f'40{{"token":"{token}"}}')
            assert self.read()[1].startswith(b"40{")

    def write(self, packet: str | bytes, *, opcode: int = 1, final: bool = True) -> None:
        payload = packet.encode() if isinstance(packet, str) else packet
        mask = os.urandom(4)
        length = len(payload)
        if length < 126:
            size = struct.pack("!B", 128 | length)
        elif length < 65_536:
            size = struct.pack("!BH", 128 | 126, length)
        else:
            size = struct.pack("!BQ", 128 | 127, length)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(struct.pack("!B", (128 if final else 0) | opcode) + size + mask + masked)

    def read(self) -> tuple[bytes, bytes]:
        """One frame: the raw header and the payload. Raises EOFError at the end."""
        head, payload = self._read()
        return (head, payload) if payload != b"2" or self.hears_pings else self.read()

    def _read(self) -> tuple[bytes, bytes]:
        head = self._file.read(2)
        if len(head) < 2:
            raise EOFError
        length = head[1] & 127
        if length == 126:
            head += (more := self._file.read(2))
            length = struct.unpack("!H", more)[0]
        elif length == 127:
            head += (more := self._file.read(8))
            length = struct.unpack("!Q", more)[0]
        payload = self._file.read(length)
        if len(payload) < length:
            raise EOFError
        return head, payload

    def read_all(self) -> list[bytes]:
        """Every payload until the server closes."""
        found: list[bytes] = []
        try:
            while True:
                found.append(self.read()[1])
        except (EOFError, ConnectionError):
            return found

    def close(self) -> None:
        self._file.close()
        self.socket.close()
