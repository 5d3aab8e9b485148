"""Who was shown typing a moment ago, so that a key press is not an event each."""

from __future__ import annotations

import time
from uuid import UUID

TOLD_SECONDS = 2.0  # of one person in one conversation at most this often, by each process
REMEMBERED = 10_000


class Typists:
    def __init__(self) -> None:
        self._told_at: dict[tuple[UUID, UUID], float] = {}

    def may_tell(self, user_id: UUID, conversation_id: UUID) -> bool:
        told_at = self._told_at.get((user_id, conversation_id), float("-inf"))
        return time.monotonic() - told_at >= TOLD_SECONDS

    def note(self, user_id: UUID, conversation_id: UUID) -> None:
        if len(self._told_at) >= REMEMBERED:
            self._told_at.clear()
        self._told_at[(user_id, conversation_id)] = time.monotonic()
