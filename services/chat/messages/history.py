"""Pages of history, kept in Redis where there is one.

A conversation's log gives every change of a message, and whatever else a page shows, the next ``seq``. So a page is
kept under (conversation, ``last_seq``, what was asked), never changes, and needs no invalidation: one small SQL call
checks access and says which ``last_seq`` holds now, always. Rendering fifty messages costs Postgres ten times that.

Two calls are as good as one here. Found: the page is the one of the ``last_seq`` that SQL named together with the
access check. Not found: ``list_history`` checks access itself and reads page and ``last_seq`` from one snapshot; it is
kept only if that is the state asked for, else just answered.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any
from uuid import UUID

import orjson
from prometheus_client import Counter

from services.chat.messages.schemas import History, HistoryQuery
from services.chat.optional_redis import OptionalRedis, RedisAway
from shared.database import Database

KEPT_SECONDS = 300
LARGEST_BYTES = 128 * 1024  # of one compressed page; 200 usual messages are 10 to 20 kB
SMALLEST_PAGE = 10  # Postgres renders fewer about as fast as it checks access
# A program that shows messages in another shape never reads the pages of this one.
SHAPE = hashlib.sha256(json.dumps(History.model_json_schema(), sort_keys=True).encode()).hexdigest()[:8]
NOT_OPENED: dict[str, Any] = {"conversation_id": None, "messages": [], "has_more": False, "last_seq": 0}

PAGES = Counter("pulse_history_pages_total", "Pages of history by how the cache served them", ["outcome"])


class HistoryPages:
    """Without ``redis`` every page is read from the database."""

    def __init__(self, database: Database, redis: OptionalRedis | None) -> None:
        self._database = database
        self._redis = redis

    def read(self, caller: UUID, query: HistoryQuery) -> dict[str, Any] | bytes:
        """A History, most as JSON already. Raises DatabaseRefusal or Unavailable."""
        if self._redis is None or query.limit < SMALLEST_PAGE:
            return self._list(caller, query)
        state = self._database.call(
            "find_history_position", caller=caller, conversation_id=query.conversation_id, peer=query.peer
        )
        if state["conversation_id"] is None:
            return NOT_OPENED
        asked = f"{query.before},{query.after},{query.limit}"
        key = self._redis.key("history", SHAPE, state["conversation_id"], state["last_seq"], state["changed_at"], asked)
        try:
            kept = self._find(key)
        except RedisAway:
            PAGES.labels("error").inc()
            return self._list(caller, query)
        PAGES.labels("miss" if kept is None else "hit").inc()
        if kept is not None:
            return kept
        page = self._list(caller, query)
        if orjson.loads(page)["last_seq"] == state["last_seq"]:
            self._keep(key, page)
        return page

    def _list(self, caller: UUID, query: HistoryQuery) -> bytes:
        return self._database.read(
            "list_history",
            caller=caller,
            conversation_id=query.conversation_id,
            peer=query.peer,
            before_seq=query.before,
            after_seq=query.after,
            page_limit=query.limit,
        )

    def _find(self, key: str) -> bytes | None:
        assert self._redis is not None
        packed = self._redis.ask("history", lambda client: client.get(key))
        if not isinstance(packed, bytes):
            return None
        try:
            return zlib.decompress(packed)
        except zlib.error:  # not ours
            return None

    def _keep(self, key: str, page: bytes) -> None:
        assert self._redis is not None
        packed = zlib.compress(page, 1)
        if len(packed) > LARGEST_BYTES:
            PAGES.labels("too_large").inc()
            return
        try:
            self._redis.ask("history", lambda client: client.set(key, packed, ex=KEPT_SECONDS))
        except RedisAway:
            PAGES.labels("error").inc()
