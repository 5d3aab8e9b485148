"""Redis where chat can do without it: short timeouts, and while it is away nobody waits for it.

After a failure it is left alone for AWAY_SECONDS; then one call tries, and the others go on without.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

import redis
import structlog
from prometheus_client import Counter

from shared.redis_connection import RedisSettings, connect_redis

T = TypeVar("T")

ANSWER_SECONDS = 0.25  # Postgres answers the same question in a few milliseconds
AWAY_SECONDS = 2.0
CALLS = Counter("pulse_redis_calls_total", "Questions chat had for Redis", ["purpose", "outcome"])

log = structlog.get_logger()


class RedisAway(Exception):
    """Do without."""


class OptionalRedis:
    """Safe to share between threads; connects with its first call."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._lock = threading.Lock()
        self._away_until = float("-inf")

    @classmethod
    def of(cls, settings: RedisSettings) -> Self | None:
        """None without REDIS_URL."""
        if settings.redis_url is None:
            return None
        client = connect_redis(settings, connect_seconds=ANSWER_SECONDS, read_seconds=ANSWER_SECONDS)
        return cls(client, settings.redis_prefix)

    def key(self, *parts: object) -> str:
        return ":".join((self._prefix, *(str(part) for part in parts)))

    def ask(self, purpose: str, question: Callable[[redis.Redis], T]) -> T:
        """``purpose`` names it in the metrics. Raises RedisAway."""
        if not self._may_try():
            CALLS.labels(purpose, "spared").inc()
            raise RedisAway()
        try:
            answer = question(self._client)
        except redis.ResponseError as error:  # it is there, and refuses this (out of memory, a replica, a wrong type)
            self._away_until = float("-inf")
            CALLS.labels(purpose, "refused").inc()
            log.warning("redis_refused", purpose=purpose, cause=repr(error))
            raise RedisAway() from error
        except (redis.RedisError, OSError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            CALLS.labels(purpose, "failed").inc()
            log.warning("redis_away", purpose=purpose, cause=repr(error))
            raise RedisAway() from error
        self._away_until = float("-inf")
        CALLS.labels(purpose, "answered").inc()
        return answer

    def check(self) -> None:
        """For ``/readyz``: raises RedisAway."""
        self.ask("ready", lambda client: client.ping())

    def close(self) -> None:
        self._client.close()

    def _may_try(self) -> bool:
        if self._away_until == float("-inf"):
            return True
        with self._lock:
            if time.monotonic() < self._away_until:
                return False
            self._away_until = time.monotonic() + AWAY_SECONDS  # one tries, the others do without meanwhile
            return True
