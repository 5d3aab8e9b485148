"""HTTP between the services: SERVICE_TOKEN, the caller's request id, and a timeout on everything."""

from __future__ import annotations

import json
from typing import Any

import requests
import structlog
from requests.adapters import HTTPAdapter

from shared.errors import Unavailable

CONNECT_SECONDS, READ_SECONDS = 2.0, 5.0


class ServiceRefused(Exception):
    """The other service answered 4xx: asking again will not help. ``body`` is its error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status} {body.get('code', '')}")


def encode(body: Any) -> bytes:
    """As JSON. Raises ValueError for what it has no words for, like NaN."""
    # Not requests' `json=`: it writes an emoji as 12 bytes, and 200 long messages are too much for /deliver then.
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class ServiceClient:
    """One keep-alive session to one service; safe to share between threads."""

    def __init__(self, base_url: str, service_token: str) -> None:
        self._base_url = base_url
        self._authorization = f"Bearer {service_token}"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy meant for the outside must not see service calls
        self._session.headers["Authorization"] = self._authorization
        for scheme in ("http://", "https://"):  # whole: a shorter prefix would come after requests' own adapters
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=32))
        self._prepared: dict[tuple[str, str], requests.PreparedRequest] = {}

    @property
    def base_url(self) -> str:
        return self._base_url

    @property
    def authorization(self) -> str:
        return self._authorization

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self.post_encoded(path, encode(body))

    def post_encoded(self, path: str, data: bytes) -> dict[str, Any]:
        """``data``: the body as JSON."""
        return self._call("POST", path, data)

    def check_alive(self) -> None:
        """For ``/readyz``, which must answer soon itself: raises Unavailable."""
        self._call("GET", "/healthz", seconds=(0.5, 0.5))

    def _call(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        query: dict[str, Any] | None = None,
        seconds: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> dict[str, Any]:
        """The answer's JSON object. Raises Unavailable (down, slow, 5xx, 429, a redirect) or ServiceRefused (4xx)."""
        try:
            request = self._prepare(method, path, query)
            if request_id := structlog.contextvars.get_contextvars().get("request_id"):
                request.headers["X-Request-Id"] = request_id
            if data is not None:
                request.body = data
                request.headers["Content-Type"] = "application/json"
                request.headers["Content-Length"] = str(len(data))
            response = self._session.get_adapter(self._base_url).send(request, timeout=seconds, verify=True)
            body = response.json() if response.content else {}
        except (requests.RequestException, ValueError) as error:
            raise Unavailable() from error
        return read_outcome(response.status_code, body)

    def _prepare(self, method: str, path: str, query: dict[str, Any] | None) -> requests.PreparedRequest:
        """A request of one's own. Taking addresses apart, and what a session does for browsers (cookies, redirects,
        proxies of the environment), costs as much as the rest of a call between services."""
        if query:
            return self._session.prepare_request(requests.Request(method, self._base_url + path, params=query))
        if (method, path) not in self._prepared:
            made = self._session.prepare_request(requests.Request(method, self._base_url + path))
            self._prepared[method, path] = made
        return self._prepared[method, path].copy()


def read_outcome(status: int, body: Any) -> dict[str, Any]:
    """What an answer's status and JSON mean. Raises Unavailable (5xx, 429, a redirect, no object) or ServiceRefused."""
    if not isinstance(body, dict):
        raise Unavailable()  # somebody answers there, but not the service
    if status >= 500 or status == 429 or not (200 <= status < 300 or status >= 400):
        raise Unavailable()  # a redirect, too, has done nothing of what was asked
    if status >= 400:
        raise ServiceRefused(status, body)
    return body


def fetch_jwks(auth: ServiceClient) -> list[dict[str, Any]]:
    """The public keys auth signs with. Raises Unavailable."""
    try:
        return list(auth.get("/.well-known/jwks.json")["keys"])
    except (ServiceRefused, KeyError, TypeError) as error:  # somebody answers at AUTH_URL, but not auth
        raise Unavailable() from error
