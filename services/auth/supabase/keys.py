"""GoTrue's public keys, as auth serves them to the other services."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import structlog

from services.auth.supabase.gotrue import GoTrue
from shared.errors import Unavailable

# As rarely as the verifiers that ask us may ask (shared/tokens.py): a new key is then known to all after one round.
REFETCH_SECONDS = 10.0
FIRST_FETCH_SECONDS = 0.5
TIMEOUT = httpx.Timeout(2.0)  # the keys we hold count on meanwhile

log = structlog.get_logger()


class PublicKeys:
    """An empty list for a project that signs with its legacy secret, which is never published."""

    def __init__(self, gotrue: GoTrue, refetch_seconds: float = REFETCH_SECONDS) -> None:
        self._gotrue = gotrue
        self._refetch_seconds = refetch_seconds
        self._lock = threading.Lock()
        self._keys: list[dict[str, Any]] | None = None
        self._asked_at = float("-inf")

    def known(self) -> list[dict[str, Any]]:
        """Raises Unavailable until GoTrue has answered once; nobody waits while another asks for newer ones."""
        if not self._lock.acquire(blocking=self._keys is None):
            return self._keys or []
        try:
            pause = FIRST_FETCH_SECONDS if self._keys is None else self._refetch_seconds
            if time.monotonic() - self._asked_at >= pause:
                self._fetch()
            if self._keys is None:
                raise Unavailable("Sign-in is not answering. Try again in a moment.", retry_after_seconds=1)
            return self._keys
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        try:
            found = self._gotrue.get("/.well-known/jwks.json", TIMEOUT)["keys"]
            # Only what is public, whatever the server's settings make it say.
            self._keys = [
                {name: value for name, value in key.items() if name not in ("d", "k")}
                for key in found
                if key.get("kty") in ("EC", "RSA", "OKP")
            ]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("keys_not_fetched", cause=repr(error))
        finally:
            self._asked_at = time.monotonic()
