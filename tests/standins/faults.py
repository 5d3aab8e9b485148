"""Faults that a gateway, a balancer or the network between them brings, for a path prefix and a number of requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from werkzeug.wrappers import Response

Kind = Literal[
    "bad gateway before",
    "bad gateway after",
    "hang before",
    "hang after",
    "hang up before",
    "hang up after",
    "too many requests",
    "delay",
]
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
PATIENCE_SECONDS = 60.0


@dataclass
class Fault:
    """``before`` the upstream ran, or ``after``: what it did is done, and only its answer is lost."""

    kind: Kind
    path: str
    times: int
    seconds: float
    met: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def after(self) -> bool:
        return self.kind.endswith("after")

    def wait(self) -> None:
        self.over.wait(PATIENCE_SECONDS)


class Faults:
    """``with faults.inject("hang after", "/rest/v1/rpc/send_messages", times=1) as fault: …``"""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: list[Fault] = []

    @contextmanager
    def inject(self, kind: Kind, path: str = "/", *, times: int = 1, seconds: float = 1.0) -> Iterator[Fault]:
        """``seconds``: how long a delay takes, or Retry-After of a 429. Whatever hangs is let go with the block."""
        fault = Fault(kind, path, times, seconds)
        with self._lock:
            self._present.append(fault)
        try:
            yield fault
        finally:
            with self._lock:
                self._present.remove(fault)
            fault.over.set()

    def find(self, path: str) -> Fault | None:
        """The fault this request meets; a delay is over when it is returned."""
        with self._lock:
            met = next((one for one in self._present if one.met < one.times and path.startswith(one.path)), None)
            if met is not None:
                met.met += 1
        if met is not None and met.kind == "delay":
            time.sleep(met.seconds)
        return met

    def release(self) -> None:
        with self._lock:
            for fault in self._present:
                fault.over.set()


def bad_gateway() -> Response:
    return Response(BAD_GATEWAY, 502, content_type="text/html")


def too_many_requests(seconds: float) -> Response:
    headers = {"Retry-After": str(int(seconds))}
    return Response('{"message":"API rate limit exceeded"}', 429, headers, content_type="application/json")
