"""One question by HTTP, and why there was no answer in words that help."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.utils import get_environ_proxies

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


def ask(
    method: str, url: str, headers: dict[str, str] | None = None, json: Any = None, seconds: float = SECONDS
) -> Reply:
    """Redirects are answers. Raises NoAnswer."""
    began = time.time()
    try:
        answer = within(lambda: _send(method, url, headers or {}, json, seconds), seconds)
    except TimeoutError as reason:
        raise NoAnswer(str(reason)) from None
    except requests.RequestException as reason:
        raise NoAnswer(_explain(reason, seconds)) from None
    except OSError as reason:
        raise NoAnswer(f"SSL_CERT_FILE or SSL_CERT_DIR is of no use ({reason})") from None
    except UnicodeError:
        raise NoAnswer("the key holds characters that no key has") from None
    ended = time.time()
    try:
        body = answer.json()
    except ValueError:
        body = None
    return Reply(answer.status_code, body, ended - began, _ahead(answer.headers.get("Date"), (began + ended) / 2))


def _send(method: str, url: str, headers: dict[str, str], json: Any, seconds: float) -> requests.Response:
    with requests.Session() as session:
        # A .netrc would take our key's place.
        session.trust_env = False
        if url.startswith("https://"):
            # As the services: HTTPS_PROXY counts, and so do these two; no proxy gets to see a plain call.
            session.proxies = get_environ_proxies(url)
            session.verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True
        return session.request(method, url, headers=headers, json=json, timeout=seconds, allow_redirects=False)


def _ahead(date: str | None, now: float) -> float | None:
    try:
        # Whole seconds, cut: half of one is what it lacks on average.
        return parsedate_to_datetime(date or "").timestamp() + 0.5 - now
    except (TypeError, ValueError):
        return None


def _explain(reason: requests.RequestException, seconds: float) -> str:
    if isinstance(reason, requests.exceptions.ProxyError):
        return "the proxy of HTTPS_PROXY cannot be reached, or lets nobody through to there"
    causes = list(_causes(reason))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "there is no host of that name"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "nothing listens there"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "its TLS certificate is not valid for that name, or not trusted here"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "it does not speak TLS: http://?"
    if isinstance(reason, requests.Timeout):
        return f"no answer within {seconds:g} seconds"
    return "the connection broke"


def _causes(reason: BaseException) -> Iterator[BaseException]:
    """What it came of: requests and urllib3 wrap one in the other, not always as a cause."""
    found: BaseException | None = reason
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
