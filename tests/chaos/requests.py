"""HTTP as the people of a chaos run speak it: to any of several processes, the next one when one does not answer.

A lean client of its own: httpx's pool spins for minutes once two hundred requests wait for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

ANSWER_SECONDS = 5.0  # a frozen process holds its connections: whoever waits must go elsewhere at some time
SPARED_SECONDS = 3.0  # one that did not answer is asked last, as balancers have it
AT_ONCE = 64  # requests of all people together


class Away(Exception):
    """No answer, or one of those (5xx, 429) after which the same request is worth another try."""

    def __init__(self, cause: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(cause)
        self.retry_after_seconds = retry_after_seconds


class Refused(Exception):
    """4xx."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class Connection:
    """One request after the other; raises OSError, EOFError or ValueError when that is over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.reusable = False

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by lower-case name, body)."""
        self.reusable = False
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        self.reusable = headers.get("connection", "").lower() != "close"
        return int(line.split(" ")[1]), headers, body

    def close(self) -> None:
        self._writer.transport.abort()


@dataclass
class Service:
    """Several processes of one service, shared by all people. ``failures`` counts why tries failed."""

    urls: list[str]
    failures: Counter[str] = field(default_factory=Counter)
    _silent: dict[str, float] = field(default_factory=dict)
    _idle: dict[str, list[Connection]] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        at: int = 0,
        body: Any = None,
        query: dict[str, Any] | None = None,
    ) -> tuple[int, Any]:
        """(status, JSON). One try, at the process number ``at`` of those there are. Raises Away or Refused."""
        request = _write_request(method, path, token, body, query)
        async with self._turns:
            url = self._choose(at)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    status, headers, answer = await self._exchange(url, request)
            except (OSError, EOFError, ValueError) as error:
                self.failures[type(error).__name__] += 1
                if isinstance(error, (TimeoutError, ConnectionRefusedError)):
                    self._silent[url] = time.monotonic()
                raise Away(repr(error)) from error
        if status >= 500 or status == 429:
            self.failures[str(status)] += 1
            raise Away(str(status), float(headers.get("retry-after", 0)))
        found: Any = json.loads(answer) if answer else None
        if status >= 400:
            raise Refused(status, found["code"])
        return status, found

    def close(self) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()

    async def _exchange(self, url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
        idle = self._idle.setdefault(url, [])
        place = urlsplit(url)
        connection = (
            idle.pop() if idle else Connection(*await asyncio.open_connection(place.hostname, place.port, limit=2**20))
        )
        try:
            return await connection.exchange(request)
        finally:
            if connection.reusable:
                idle.append(connection)
            else:
                connection.close()

    def _choose(self, at: int) -> str:
        turns = self.urls[at % len(self.urls) :] + self.urls[: at % len(self.urls)]
        before = time.monotonic() - SPARED_SECONDS
        return next((url for url in turns if self._silent.get(url, before) <= before), turns[0])


def _write_request(method: str, path: str, token: str | None, body: Any, query: dict[str, Any] | None) -> bytes:
    target = f"{path}?{urlencode(query)}" if query else path
    content = json.dumps(body).encode() if body is not None else b""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines.append("Content-Type: application/json")
    lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content
