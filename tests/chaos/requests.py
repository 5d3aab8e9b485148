"""HTTP as the people of a chaos run speak it: to any of several processes, the next one when one does not answer."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

ANSWER_SECONDS = 5.0  # a frozen process holds its connections: whoever waits must go elsewhere at some time
SPARED_SECONDS = 3.0  # one that did not answer is asked last, as balancers have it


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


@dataclass
class Service:
    """Several processes of one service, shared by all people. ``failures`` counts why tries failed."""

    urls: list[str]
    client: httpx.AsyncClient
    failures: Counter[str] = field(default_factory=Counter)
    _silent: dict[str, float] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, *, token: str | None = None, at: int = 0, **arguments: Any
    ) -> tuple[int, Any]:
        """(status, JSON). One try, at the process number ``at`` of those there are. Raises Away or Refused."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self._choose(at)
        try:
            answer = await self.client.request(method, url + path, headers=headers, **arguments)
        except httpx.HTTPError as error:
            self.failures[type(error).__name__] += 1
            self._silent[url] = time.monotonic()
            raise Away(repr(error)) from error
        if answer.status_code >= 500 or answer.status_code == 429:
            self.failures[str(answer.status_code)] += 1
            raise Away(str(answer.status_code), float(answer.headers.get("Retry-After", 0)))
        body = answer.json() if answer.content else None
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.json()["code"])
        return answer.status_code, body

    def _choose(self, at: int) -> str:
        turns = self.urls[at % len(self.urls) :] + self.urls[: at % len(self.urls)]
        before = time.monotonic() - SPARED_SECONDS
        return next((url for url in turns if self._silent.get(url, before) <= before), turns[0])


def make_client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=128, max_keepalive_connections=64, keepalive_expiry=30)
    return httpx.AsyncClient(timeout=ANSWER_SECONDS, limits=limits, trust_env=False)
