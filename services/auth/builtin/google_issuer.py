"""The OpenID provider: what it says of itself (OpenID Connect Discovery 1.0), its keys, and codes for tokens.

Each document is kept for an hour, and longer while the provider is away; a key nobody knows yet is asked for at most
each 10 s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
from authlib.integrations.requests_client.oauth2_session import OAuth2ClientAuth
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.client import OAuth2Client

from services.auth.builtin.google_connections import Connections
from services.auth.provider import LinkExpired, SignInRefused
from shared.errors import Unavailable

FRESH_SECONDS = 3600.0
UNKNOWN_KEY_SECONDS = 10.0
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
AWAY = "Sign-in with Google is not answering. Try again in a moment, or use another way."

log = structlog.get_logger()


class CodeClient(OAuth2Client):  # type: ignore[misc]  # published without types
    client_auth_class = OAuth2ClientAuth


class Document:
    """Nobody waits for a newer one while another asks. ``fetch`` raises requests' errors or ValueError."""

    def __init__(self, fetch: Callable[[], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._found: dict[str, Any] | None = None
        self._asked_at = float("-inf")

    def get(self, fresh_seconds: float = FRESH_SECONDS) -> dict[str, Any]:
        """Raises Unavailable when it was never had."""
        if not self._lock.acquire(blocking=self._found is None):
            return self._found or {}
        try:
            if self._found is None or time.monotonic() - self._asked_at >= fresh_seconds:
                self._ask()
            if self._found is None:
                raise Unavailable(AWAY, retry_after_seconds=3)
            return self._found
        finally:
            self._lock.release()

    def _ask(self) -> None:
        try:
            self._found = self._fetch()
        except (requests.RequestException, ValueError) as error:
            log.warning("openid_provider_not_read", cause=repr(error))
        finally:
            self._asked_at = time.monotonic()


class Issuer:
    """``url`` without a trailing slash; ``at_once``: how many requests may wait for it."""

    def __init__(self, url: str, client_id: str, client_secret: str, redirect_uri: str, at_once: int) -> None:
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        # HTTPS_PROXY counts; a proxy meant for the outside must not see calls within this machine.
        self._connections = Connections(at_once, trust_env=url.startswith("https://"))
        self._metadata = Document(self._fetch_metadata)
        self._keys = Document(self._fetch_keys)

    @property
    def name(self) -> str:
        """As its tokens say it. Raises Unavailable."""
        return str(self._metadata.get()["issuer"])

    def authorization_url(self, state: str, nonce: str, verifier: str) -> str:
        """Raises Unavailable."""
        url, _ = self._client().create_authorization_url(
            self._metadata.get()["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        return str(url)

    def exchange(self, code: str, verifier: str) -> dict[str, Any]:
        """The token endpoint's answer. Raises LinkExpired, SignInRefused or Unavailable."""
        try:
            answer: dict[str, Any] = self._client().fetch_token(
                self._metadata.get()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
        except OAuth2Error as error:
            if error.error == "invalid_grant":  # used, expired, or not for this verifier
                raise LinkExpired() from error
            log.error("openid_provider_refused", error_code=str(error.error)[:80])
            raise SignInRefused() from error
        except (requests.RequestException, ValueError) as error:
            log.warning("openid_code_not_exchanged", cause=repr(error))
            raise Unavailable(AWAY, retry_after_seconds=3) from error
        return answer

    def fetch_userinfo(self, access_token: str) -> dict[str, Any]:
        """What some providers leave out of the id token; empty where there is none. Raises Unavailable."""
        endpoint = self._metadata.get().get("userinfo_endpoint")
        if not endpoint:
            return {}
        try:
            return self._get(endpoint, {"Authorization": f"Bearer {access_token}"})
        except (requests.RequestException, ValueError) as error:
            log.warning("openid_userinfo_not_read", cause=repr(error))
            raise Unavailable(AWAY, retry_after_seconds=3) from error

    def keys(self, kid: object) -> list[dict[str, Any]]:
        """Its public keys, read again when none of them is ``kid``. Raises Unavailable."""
        found = self._keys.get()["keys"]
        if all(key.get("kid") != kid for key in found):
            found = self._keys.get(UNKNOWN_KEY_SECONDS)["keys"]
        return list(found)

    def _client(self) -> CodeClient:
        """A fresh one each time: it keeps the tokens it fetches."""
        methods = self._metadata.get().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return CodeClient(
            self._connections,
            client_id=self._client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=(
                "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
            ),
            scope="openid email profile",
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )

    def _fetch_metadata(self) -> dict[str, Any]:
        found = self._get(self._url + "/.well-known/openid-configuration")
        if str(found.get("issuer")).rstrip("/") != self._url:
            raise ValueError(f"is the configuration of another issuer than {self._url}")
        schemes = ("https",) if self._url.startswith("https://") else ("http", "https")
        for name in (*ENDPOINTS, "userinfo_endpoint"):
            if name in found or name in ENDPOINTS:
                parts = urlsplit(str(found.get(name)))
                if parts.scheme not in schemes or not parts.hostname:
                    raise ValueError(f"has no {name} to be trusted")
        return found

    def _fetch_keys(self) -> dict[str, Any]:
        try:
            found = self._get(self._metadata.get()["jwks_uri"])
        except Unavailable as error:
            raise ValueError("has no configuration") from error
        keys = found.get("keys")
        if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
            raise ValueError("has no list of keys")
        return {"keys": keys}

    def _get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._connections.get(url, headers=headers)
        answer.raise_for_status()
        found = answer.json()
        if answer.status_code != 200 or not isinstance(found, dict):
            raise ValueError("is no JSON object")
        return found
