"""How much one person may send and change: a bucket of tokens, refilled evenly, by the generic cell rate algorithm.

Of each person only one moment is kept, the one at which the bucket will be full again. With Redis it is shared by all
processes, in one script on Redis' own clock; without, or while Redis is away, each process keeps its own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from uuid import UUID

import redis
from prometheus_client import Counter

from services.chat.optional_redis import OptionalRedis, RedisAway
from shared.errors import TooManyRequests

REMEMBERED = 50_000
REFUSED = Counter("pulse_sends_refused_total", "Sends and changes above SENDS_PER_MINUTE")

# Microseconds, below 2^53 and written in full: Lua would shorten such a number to 14 digits.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + interval
local wait = full_at - now - interval * capacity
if wait > 0 then
    return math.ceil(wait)
end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return 0
"""


class SendLimit:
    """``per_minute`` messages and changes a minute of each person on average, and at most as many at once."""

    def __init__(self, per_minute: int, redis: OptionalRedis | None) -> None:
        self._capacity = per_minute
        self._interval = 60_000_000 / per_minute
        self._redis = redis
        self._own = _Buckets()

    def take(self, user_id: UUID) -> None:
        """One message's worth, or one change's. Raises TooManyRequests with the time until there is room for one."""
        [refused] = self.take_each([user_id])
        if refused is not None:
            raise refused

    def try_take(self, user_id: UUID) -> bool:
        """Whether there was one, of what this process keeps by itself."""
        return self._own.take(user_id, self._interval, self._capacity) == 0

    @property
    def is_shared(self) -> bool:
        """Whether taking may wait for Redis."""
        return self._redis is not None

    def take_each(self, user_ids: list[UUID]) -> list[TooManyRequests | None]:
        """The same for one message of each of these, in one go: None for who was given one."""
        return [_refuse(wait) if wait > 0 else None for wait in self._take_each(user_ids)]

    def _take_each(self, user_ids: list[UUID]) -> list[float]:
        """Microseconds to wait, 0 for having been given one."""
        if self._redis is not None:
            keys = [self._redis.key("sends", user_id) for user_id in user_ids]
            try:
                return self._redis.ask("sends", lambda client: self._ask(client, keys))
            except RedisAway:
                pass
        return [self._own.take(user_id, self._interval, self._capacity) for user_id in user_ids]

    def _ask(self, client: redis.Redis, keys: list[str]) -> list[float]:
        script = client.register_script(TAKE)
        arguments = [self._interval, self._capacity]
        if len(keys) == 1:
            return [int(script(keys=keys, args=arguments))]
        with client.pipeline(transaction=False) as pipeline:
            for key in keys:
                script(keys=[key], args=arguments, client=pipeline)
            return [int(wait) for wait in pipeline.execute()]


def _refuse(wait: float) -> TooManyRequests:
    REFUSED.inc()
    return TooManyRequests(
        "You are doing more than this installation takes. It goes on in a moment.",
        retry_after_seconds=math.ceil(wait / 1_000_000),
    )


class _Buckets:
    """The same in this process, of those who sent last."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[UUID, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, user_id: UUID, interval: float, capacity: int) -> float:
        with self._lock:
            now = time.monotonic() * 1_000_000
            full_at = max(self._full_at.get(user_id, 0.0), now) + interval
            wait = full_at - now - interval * capacity
            if wait > 0:
                return wait
            self._full_at[user_id] = full_at
            self._full_at.move_to_end(user_id)
            while len(self._full_at) > REMEMBERED:
                self._full_at.popitem(last=False)
            return 0.0
