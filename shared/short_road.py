"""A short road for requests that come most: read and answered in the worker's own loop, past its threads and Flask.

Only what is plain and goes well is taken: one whole request of somebody known, with nothing wrong in it. Every doubt
and every refusal goes the ordinary road with its bytes unread, so that what the contract says of them is said in one
place. docs/decisions/0016.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from flask import Flask

EXTENSION = "pulse.short_road"
HEADER_BYTES = 8_000  # gunicorn's own limits, and its errors, are above
LINE_BYTES = 8_192
FIELDS = 100  # gunicorn's most
LENGTH_DIGITS = 7
REQUEST_BYTES = 65_536
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,6})[ \t]*\r\n", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z0-9-]+")
# What changes where a request ends, or who answers it; what asks for more than an answer; and what gunicorn refuses
# where it contradicts X-Forwarded-Proto, which gateways set.
ODD = frozenset(
    {"Transfer-Encoding", "Connection", "Expect", "Upgrade", "Te", "Trailer", "Content-Encoding"}
    | {"X-Forwarded-Ssl", "X-Forwarded-Protocol"}
)
# What the ordinary road says of every answer (shared/web.py).
HEADERS = {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Origin",
}
PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


Replies = list[tuple[Any, Reply]]
"""Each with the ticket its request came with."""


@dataclass(frozen=True, slots=True)
class Request:
    """``line`` is "POST /chat/send"; header names are written Like-This."""

    line: str
    headers: dict[str, str]
    body: bytes


class ShortRoad(Protocol):
    """Called in the worker's loop: nothing here may wait."""

    def open(self, reply: Callable[[Replies], None]) -> None:
        """``reply`` may be called from any thread, once for each ticket."""

    def take(self, request: Request, ticket: Any) -> bool:
        """Whether it will be answered. False: the ordinary road."""

    def set_out(self) -> None:
        """All that could be read was taken; also called once a second."""


def install_short_road(app: Flask, road: ShortRoad) -> None:
    """An app may have several: a request is the first's that takes it."""
    app.extensions.setdefault(EXTENSION, []).append(road)


def read_request(data: bytes) -> Request | None:
    """One whole HTTP/1.1 request and nothing after it, or None. Only a GET may do without a length."""
    end = data.find(b"\r\n\r\n", 0, HEADER_BYTES)
    if end < 0:
        return None
    first, *fields = data[:end].decode("latin-1").split("\r\n")
    if not first.endswith(" HTTP/1.1") or len(fields) > FIELDS:
        return None
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        value = value.strip(" \t")
        if not colon or not NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            return None
        name = name.title()
        if name in headers or (name in ODD and (name, value.lower()) != ("Connection", "keep-alive")):
            return None
        headers[name] = value
    length = headers.get("Content-Length", "0" if first.startswith("GET ") else "")
    if "Host" not in headers or not length.isascii() or not length.isdigit() or len(length) > LENGTH_DIGITS:
        return None
    if int(length) != len(data) - end - 4:
        return None
    return Request(first[:-9], headers, data[end + 4 :])


def count_wanted(data: bytes) -> int:
    """How many bytes there must be before another look is worth while. Many clients write a head and its body apart.

    0: nothing is to be waited for, and gunicorn's parser says what is wrong.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        line = data.find(b"\n")
        refused = data[line - 1 : line] != b"\r" if line >= 0 else len(data) > LINE_BYTES
        return 0 if refused or len(data) >= REQUEST_BYTES else len(data) + 1
    length = LENGTH.search(data, 0, end + 2)
    if length is None or b"expect:" in data[:end].lower():  # who expects an answer to the head sends nothing before it
        return 0
    wanted = end + 4 + int(length[1])
    return wanted if wanted <= REQUEST_BYTES else 0


def frame(reply: Reply, *, closes: bool) -> bytes:
    """The reply as bytes."""
    lines = [f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, 'Unknown')}", f"Date: {_http_date(int(time.time()))}"]
    lines.append("Connection: close" if closes else "Connection: keep-alive")
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    lines += [f"Content-Length: {len(reply.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + reply.body


@lru_cache(maxsize=1)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)
