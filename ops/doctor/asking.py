"""One question by HTTP, and why there was no answer in words that help."""

import socket
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from ops.doctor.limits import SECONDS, within


class NoAnswer(Exception):
    """The text says why: no such host, refused, a certificate, too late."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    """Parsed JSON; None for anything else."""
    seconds: float
    ahead_seconds: float | None
    """How far the other's clock is ahead of ours, to half a second."""

    @property
    def code(self) -> str:
        """What PostgREST, Auth or our services call the error; else the HTTP status."""
        if isinstance(self.body, dict):
            for name in ("error_code", "code"):
                if isinstance(self.body.get(name), str):
                    return str(self.body[name])
        return str(self.status)

    @property
    def said(self) -> str:
        """The error as it was given, cut."""
        if isinstance(self.body, dict):
            for name in ("msg", "message", "error_description", "error"):
                if isinstance(self.body.get(name), str):
                    return str(self.body[name])[:200]
        return "no JSON" if self.body is None else self.code

    def get(self, *names: str) -> Any:
        """A value inside; None where there is none."""
        found = self.body
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def ask(method: str, url: str, headers: dict[str, str] | None = None, json: Any = None) -> Reply:
    """Redirects are answers. Raises NoAnswer."""
    began = time.time()
    try:
        answer = within(lambda: _send(method, url, headers or {}, json))
    except TimeoutError as reason:
        raise NoAnswer(str(reason)) from None
    except requests.RequestException as reason:
        raise NoAnswer(_explain(reason)) from None
    ended = time.time()
    try:
        body = answer.json()
    except ValueError:
        body = None
    return Reply(answer.status_code, body, ended - began, _ahead(answer.headers.get("Date"), (began + ended) / 2))


def _send(method: str, url: str, headers: dict[str, str], json: Any) -> requests.Response:
    return requests.request(method, url, headers=headers, json=json, timeout=SECONDS, allow_redirects=False)


def _ahead(date: str | None, now: float) -> float | None:
    try:
        # Whole seconds, cut: half of one is what it lacks on average.
        return parsedate_to_datetime(date or "").timestamp() + 0.5 - now
    except (TypeError, ValueError):
        return None


def _explain(reason: BaseException) -> str:
    found: BaseException | None = reason
    seen: set[int] = set()
    words = repr(reason)
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, socket.gaierror):
            return "there is no host of that name"
        if isinstance(found, ConnectionRefusedError):
            return "nothing listens there"
        inner = [part for part in found.args if isinstance(part, BaseException)]
        found = found.__cause__ or found.__context__ or (inner[0] if inner else None) or getattr(found, "reason", None)
    if "NameResolution" in words:
        return "there is no host of that name"
    if isinstance(reason, requests.exceptions.SSLError):
        return "its TLS certificate is not valid for that name, or not trusted here"
    if isinstance(reason, requests.Timeout):
        return f"no answer within {SECONDS:.0f} seconds"
    return "the connection broke"
