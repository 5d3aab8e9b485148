"""How an OpenID provider is called: never for long, and by fewer requests than there are threads to serve people."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

CONNECT_SECONDS, READ_SECONDS = 2.0, 3.0
BODY_SECONDS, BODY_BYTES = 5.0, 1_000_000
PLACE_SECONDS = 1.0
AWAY_SECONDS = 3.0


class Connections(requests.Session):
    """``at_once`` requests may wait for it; once one has waited in vain, all others are refused at once for a while."""

    def __init__(self, at_once: int, *, trust_env: bool) -> None:
        super().__init__()
        self.trust_env = trust_env
        self._places = threading.BoundedSemaphore(at_once)
        self._away_until = float("-inf")
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_maxsize=at_once))

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **how: Any) -> requests.Response:
        """Raises requests.RequestException."""
        if time.monotonic() < self._away_until or not self._places.acquire(timeout=PLACE_SECONDS):
            raise requests.ConnectTimeout("did not answer a moment ago")
        # A redirect could lead anywhere, with the client's secret.
        how |= {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False, "stream": True}
        try:
            answer = super().request(method, url, *args, **how)
            answer._content = _read(answer)
        except requests.Timeout:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise
        finally:
            self._places.release()
        self._away_until = float("-inf")  # it may only be slow
        return answer


def _read(answer: requests.Response) -> bytes:
    """The whole body. requests itself waits for READ_SECONDS between any two bytes, for however many there are."""
    deadline = time.monotonic() + BODY_SECONDS
    body = b""
    try:
        with answer:
            while part := answer.raw.read1(BODY_BYTES, decode_content=True):
                body += part
                if len(body) > BODY_BYTES:
                    raise requests.exceptions.ContentDecodingError("is too long")
                if time.monotonic() > deadline:
                    raise requests.ReadTimeout("is too slow")
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout("stopped in the middle") from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError("broke in the middle") from error
    return body
