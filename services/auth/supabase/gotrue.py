"""How GoTrue is called: a fresh client for each sign-in, over connections that all of them share.

A ``SyncGoTrueClient`` keeps the session it opens, so a shared one would mix people up; and one that holds the secret
key would go on as whoever signed in with it. Neither can happen to a client that lives for one call.

A GoTrue that hangs must not take all of auth with it: requests have fewer connections than there are threads to wait
on them, and once one has waited in vain, the next ones are refused at once. Work in the background has its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from supabase_auth import SyncGoTrueClient
from supabase_auth._sync.gotrue_admin_api import SyncGoTrueAdminAPI

from services.auth.provider import Asker

# Above GoTrue's own limit for a request (10 s), in which it also waits for its mail server.
TIMEOUT = httpx.Timeout(connect=2.0, read=11.0, write=5.0, pool=1.0)
BACKGROUND_TIMEOUT = httpx.Timeout(connect=2.0, read=11.0, write=5.0, pool=30.0)
READY_TIMEOUT = httpx.Timeout(0.8)
BACKGROUND_CONNECTIONS = 16
AWAY_SECONDS = 3.0
IDLE_SECONDS = 20.0  # below what gateways keep idle connections for

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every address, with what a query says


class SignInClient(SyncGoTrueClient):
    """For one call. ``challenge`` is the PKCE challenge of a browser whose verifier this process does not keep."""

    def __init__(self, url: str, headers: dict[str, str], http_client: httpx.Client, challenge: str | None) -> None:
        self._pkce_challenge = challenge
        super().__init__(
            url=url,
            headers=headers,
            http_client=http_client,
            persist_session=False,
            auto_refresh_token=False,
            flow_type="pkce",
        )

    def set_password(self, access_token: str, password: str, current: str | None) -> None:
        """Of the token's owner, whose other sessions end. Raises FAILURES."""
        body = {"password": password, **({"current_password": current} if current else {})}
        self._request("PUT", "user", body=body, jwt=access_token)

    def _prepare_pkce_challenge(self, *, password_recovery: bool = False) -> tuple[str, str] | None:  # noqa: ARG002
        return (self._pkce_challenge, "s256") if self._pkce_challenge else None


class Connections(httpx.Client):
    """``away_seconds``: for how long after a call that ran out of time all others are refused at once."""

    def __init__(self, url: str, number: int, timeout: httpx.Timeout, away_seconds: float) -> None:
        self._away_seconds = away_seconds
        self._away_until = float("-inf")
        tls = url.startswith("https://")
        super().__init__(
            http2=False,  # httpcore's HTTP/2 is not safe under several threads
            # HTTPS_PROXY and SSL_CERT_FILE count; a proxy meant for the outside must not see plain calls.
            trust_env=tls,
            verify=tls,  # reading all authorities takes a tenth of a second, and plain HTTP asks for none
            timeout=timeout,
            limits=httpx.Limits(max_connections=number, keepalive_expiry=IDLE_SECONDS),
        )

    def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        if time.monotonic() < self._away_until:
            raise httpx.ConnectTimeout("did not answer a moment ago", request=request)
        try:
            answer = super().send(request, **how)
        except httpx.TimeoutException:
            self._away_until = time.monotonic() + self._away_seconds
            raise
        self._away_until = float("-inf")  # it may only be slow
        return answer


class Clients:
    """``url`` is GoTrue's; ``connect`` makes the connections, at the first call of each process."""

    def __init__(self, url: str, sign_in_key: str, secret_key: str, connect: Callable[[], Connections]) -> None:
        self._url = url
        self._sign_in_key = sign_in_key
        self._secret_key = secret_key
        self._connect = connect
        self._lock = threading.Lock()
        self._connections: Connections | None = None
        self._process = 0

    def client(self, asker: Asker | None = None, challenge: str | None = None) -> SignInClient:
        headers = {"apikey": self._sign_in_key}
        if asker and asker.address:
            # Whichever of the two the installation trusts; else everybody would share one address's limits.
            headers |= {"X-Forwarded-For": asker.address, "Sb-Forwarded-For": asker.address}
        return SignInClient(self._url, headers, self.connections(), challenge)

    def admin(self) -> SyncGoTrueAdminAPI:
        """With the secret key: never signs anyone in, and holds no session."""
        headers = {"apikey": self._secret_key, "Authorization": f"Bearer {self._secret_key}"}
        return SyncGoTrueAdminAPI(url=self._url, headers=headers, http_client=self.connections())

    def connections(self) -> Connections:
        with self._lock:
            if self._connections is None or self._process != os.getpid():
                # Made after the fork: two processes on one connection would read each other's answers.
                self._connections, self._process = self._connect(), os.getpid()
            return self._connections


class GoTrue(Clients):
    """For requests; ``background`` for work that nobody waits for.

    ``url`` is the project's; ``forwards`` says that it takes callers' addresses with the secret key only; ``at_once``
    is how many requests may wait for it at the same time.
    """

    def __init__(
        self, url: str, publishable_key: str, secret_key: str, *, forwards: bool = False, at_once: int = 4
    ) -> None:
        url += "/auth/v1"
        keys = (secret_key if forwards else publishable_key, secret_key)
        super().__init__(url, *keys, lambda: Connections(url, at_once, TIMEOUT, AWAY_SECONDS))
        self.background = Clients(
            url, *keys, lambda: Connections(url, BACKGROUND_CONNECTIONS, BACKGROUND_TIMEOUT, away_seconds=0.0)
        )

    def get(self, path: str, timeout: httpx.Timeout) -> Any:
        """The JSON at an open address, asked for beside the requests. Raises httpx.HTTPError or ValueError."""
        connections = self.background.connections()
        answer = connections.get(self._url + path, headers={"apikey": self._sign_in_key}, timeout=timeout)
        return answer.raise_for_status().json()
