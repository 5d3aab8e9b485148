"""Which ways to sign in the project has switched on."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import structlog

from services.auth.supabase.gotrue import READY_TIMEOUT, GoTrue

REFETCH_SECONDS = 60.0
FIRST_FETCH_SECONDS = 1.0

log = structlog.get_logger()


class Offered:
    """GoTrue's own list, at most a minute old; nothing until it has answered once."""

    def __init__(self, gotrue: GoTrue) -> None:
        self._gotrue = gotrue
        self._lock = threading.Lock()
        self._external: dict[str, Any] | None = None
        self._asked_at = float("-inf")

    def has(self, way: str) -> bool:
        """``google``, ``email``…; once the list is known nobody waits while another asks for a newer one."""
        if self._lock.acquire(blocking=self._external is None):
            try:
                pause = FIRST_FETCH_SECONDS if self._external is None else REFETCH_SECONDS
                if time.monotonic() - self._asked_at >= pause:
                    self._fetch()
            finally:
                self._lock.release()
        return (self._external or {}).get(way) is True

    def _fetch(self) -> None:
        try:
            self._external = dict(self._gotrue.get("/settings", READY_TIMEOUT)["external"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("settings_not_fetched", cause=type(error).__name__)
        finally:
            self._asked_at = time.monotonic()
