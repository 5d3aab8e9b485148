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

log = structlog.get_logger()


class PublicKeys:
    """An empty list for a project that signs with its legacy secret, which is never published."""

    def __init__(self, gotrue: GoTrue) -> None:
        self._gotrue = gotrue
        self._lock = threading.Lock()
        self._keys: list[dict[str, Any]] | None = None
        self._asked_at = float("-inf")

    def known(self) -> list[dict[str, Any]]:
        """Raises Unavailable until GoTrue has answered once."""
        with self._lock:
            pause = FIRST_FETCH_SECONDS if self._keys is None else REFETCH_SECONDS
            if time.monotonic() - self._asked_at >= pause:
                self._fetch()
            if self._keys is None:
                raise Unavailable("Sign-in is not answering. Try again in a moment.", retry_after_seconds=1)
            return self._keys

    def _fetch(self) -> None:
        try:
            found = self._gotrue.get("/.well-known/jwks.json")["keys"]
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
