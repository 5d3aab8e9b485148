"""How GoTrue is called: a fresh client for each sign-in, one pool of connections for all of them.

A ``SyncGoTrueClient`` keeps the session it opens, so a shared one would mix people up; and one that holds the secret
key would go on as whoever signed in with it. Neither can happen to a client that lives for one call.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

import httpx
from supabase_auth import SyncGoTrueClient
from supabase_auth._sync.gotrue_admin_api import SyncGoTrueAdminAPI

from services.auth.provider import Asker

# Above GoTrue's own limit for a request (10 s), in which it also waits for its mail server.
TIMEOUT = httpx.Timeout(connect=2.0, read=11.0, write=5.0, pool=3.0)
READY_TIMEOUT = httpx.Timeout(0.8)
CONNECTIONS = 32
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

    def _prepare_pkce_challenge(self, *, password_recovery: bool = False) -> tuple[str, str] | None:  # noqa: ARG002
        return (self._pkce_challenge, "s256") if self._pkce_challenge else None


class GoTrue:
    """``url`` is the project's; ``forwards`` says that it takes callers' addresses with the secret key only."""

    def __init__(self, url: str, publishable_key: str, secret_key: str, *, forwards: bool = False) -> None:
        self._url = url + "/auth/v1"
        self._secret_key = secret_key
        self._sign_in_key = secret_key if forwards else publishable_key
        self._lock = threading.Lock()
        self._http: httpx.Client | None = None
        self._process = 0

    def client(self, asker: Asker | None = None, challenge: str | None = None) -> SignInClient:
        headers = {"apikey": self._sign_in_key}
        if asker and asker.address:
            # Whichever of the two the installation trusts; else everybody would share one address's limits.
            headers |= {"X-Forwarded-For": asker.address, "Sb-Forwarded-For": asker.address}
        return SignInClient(self._url, headers, self._connections(), challenge)

    def admin(self) -> SyncGoTrueAdminAPI:
        """With the secret key: never signs anyone in, and holds no session."""
        headers = {"apikey": self._secret_key, "Authorization": f"Bearer {self._secret_key}"}
        return SyncGoTrueAdminAPI(url=self._url, headers=headers, http_client=self._connections())

    def get(self, path: str, timeout: httpx.Timeout = TIMEOUT) -> Any:
        """The JSON at an open address. Raises httpx.HTTPError or ValueError."""
        answer = self._connections().get(self._url + path, headers={"apikey": self._sign_in_key}, timeout=timeout)
        return answer.raise_for_status().json()

    def _connections(self) -> httpx.Client:
        with self._lock:
            if self._http is None or self._process != os.getpid():
                # Made after the fork: two processes on one connection would read each other's answers.
                # HTTP/1.1: httpcore's HTTP/2 is not safe under several threads.
                self._http = httpx.Client(
                    http2=False,
                    # HTTPS_PROXY and SSL_CERT_FILE count; a proxy meant for the outside must not see plain calls.
                    trust_env=self._url.startswith("https://"),
                    timeout=TIMEOUT,
                    limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
                )
                self._process = os.getpid()
            return self._http
