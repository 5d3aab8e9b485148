"""auth's own view of revocations: read from the database at each use, so that a sign-out counts here at once."""

from __future__ import annotations

from typing import Any

from shared.caller import Caller
from shared.database import Database
from shared.revocations import RevocationList
from shared.tokens import Revocations


class OwnRevocations(Revocations):
    def __init__(self, database: Database) -> None:
        self._list = RevocationList(_Source(database))

    def check(self, caller: Caller) -> None:
        """Raises NotAuthenticated, or Unavailable when the database is away."""
        self._list.read()
        self._list.check(caller)


class _Source:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, path: str, **query: Any) -> dict[str, Any]:  # noqa: ARG002  # one address there is
        answer: dict[str, Any] = self._database.call("list_revocations", after_position=query["after"])
        return answer
