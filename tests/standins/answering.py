"""A service on loopback that answers each request with the bytes it was given, hangs up, or keeps silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress


class Other:
    """Another service. Each of ``answers`` is for one request, in pieces or whole; what ends with None hangs up."""

    def __init__(self, answers: Sequence[Sequence[bytes | None]]) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self.connections = 0
        self.reads = threading.Event()
        self.reads.set()
        self.hung_up = threading.Semaphore(0)
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.reads.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(30)
        for client in self._open:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._open.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=[client]))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := self._read(client)) and self._answers:
                self.requests.append(request)
                for part in self._answers.pop(0):
                    if part is None:
                        client.shutdown(socket.SHUT_RDWR)
                        client.close()
                        self.hung_up.release()
                        return
                    client.sendall(part)
            while client.recv(65_536):  # it has nothing more to say, and hangs
                pass

    def _read(self, client: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < wanted(data):
            part = client.recv(65_536)  # it may be waiting here when it is told to read no more
            assert self.reads.wait(30)
            if not part:
                return b""
            data += part
        return data


def wanted(data: bytes) -> int:
    fields = [line.split(b": ") for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    return int(next(value for name, value in fields if name.lower() == b"content-length"))


@contextmanager
def serving(*answers: bytes | Sequence[bytes | None] | None) -> Iterator[Other]:
    other = Other([one if isinstance(one, (list, tuple)) else [one] for one in answers])  # type: ignore[list-item]
    try:
        yield other
    finally:
        other.close()
