"""HTTP to one service, every answer held against its contract."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.system.contract import Contract

TIMEOUT_SECONDS = 30.0


class Http:
    """Sends ``token`` as bearer when there is one. May be used from several threads."""

    def __init__(self, base_url: str, contract: Contract, token: str | None = None) -> None:
        self.base_url = base_url
        self.contract = contract
        self.token = token
        self._session = requests.Session()
        self._session.trust_env = False
        # These people bring a token; cookies are what the browser suite is for.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32))

    def request(self, method: str, path: str, *, check: bool = True, **arguments: Any) -> requests.Response:
        """``arguments`` are those of `requests`. ``check=False`` spares the validation in tests of speed."""
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **arguments.pop("headers", {})}
        response = self._session.request(
            method, self.base_url + path, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, **arguments
        )
        if check:
            self.contract.check(response)
        return response

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a 200."""
        return self._json(self.request("GET", path, params=query), 200)

    def post(self, path: str, body: Any, *, status: int = 200) -> Any:
        """The JSON of an answer with ``status``, None of an empty one."""
        return self._json(self.request("POST", path, json=body), status)

    def close(self) -> None:
        self._session.close()

    def _json(self, response: requests.Response, status: int) -> Any:
        assert response.status_code == status, f"{response.request.method} {response.url}: {response.text[:500]}"
        return response.json() if response.content else None
