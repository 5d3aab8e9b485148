"""Who was shown typing a moment ago, so that a key press is no event each; over all processes with Redis."""

from __future__ import annotations

import time
from uuid import UUID

from services.chat.optional_redis import OptionalRedis, RedisAway

TOLD_SECONDS = 2.0  # of one person in one conversation at most this often
REMEMBERED = 10_000


class Typists:
    """While Redis is away, or without it, each process remembers its own."""

    def __init__(self, redis: OptionalRedis | None = None) -> None:
        self._redis = redis
        self._told_at: dict[tuple[UUID, UUID], float] = {}

    def may_tell(self, user_id: UUID, conversation_id: UUID) -> bool:
        """Looks only: whether the caller is a member at all is asked of the database afterwards."""
        told_at = self._told_at.get((user_id, conversation_id), float("-inf"))
        if time.monotonic() - told_at < TOLD_SECONDS:
            return False
        if self._redis is None:
            return True
        key = self._redis.key("typing", conversation_id, user_id)
        try:
            return not self._redis.ask("typing", lambda client: client.exists(key))
        except RedisAway:
            return True

    def note(self, user_id: UUID, conversation_id: UUID) -> bool:
        """False when another process told of it meanwhile."""
        if len(self._told_at) >= REMEMBERED:
            self._told_at.clear()
        self._told_at[(user_id, conversation_id)] = time.monotonic()
        if self._redis is None:
            return True
        key = self._redis.key("typing", conversation_id, user_id)
        milliseconds = int(TOLD_SECONDS * 1000)
        try:
            return bool(self._redis.ask("typing", lambda client: client.set(key, b"", px=milliseconds, nx=True)))
        except RedisAway:
            return True
