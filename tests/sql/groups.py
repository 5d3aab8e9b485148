"""A group for the SQL suite, and what a client would hold of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from shared.database import Database
from tests.people import Known, item


class Group:
    """``owner`` made it with ``members``; its calls raise what the functions refuse with."""

    def __init__(self, database: Database, owner: Known, members: Iterable[Known], name: str = "friends") -> None:
        self.database = database
        self.id = str(uuid4())
        self.opened = self.open(owner, members, name)

    def open(self, caller: Known, members: Iterable[Known], name: str = "friends", **changed: Any) -> dict[str, Any]:
        arguments = {
            "caller": caller.id,
            "conversation_id": self.id,
            "name": name,
            "members": [str(person.id) for person in members],
            **changed,
        }
        opened: dict[str, Any] = self.database.call("open_group", **arguments)
        return opened

    def call(self, function: str, caller: Known, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.database.call(function, caller=caller.id, conversation_id=self.id, **arguments)
        return answer

    def put(self, caller: Known, person: Known, role: str | None = None) -> dict[str, Any]:
        return self.call("put_member", caller, user_id=person.id, role=role)

    def remove(self, caller: Known, person: Known) -> list[dict[str, Any]]:
        deliveries: list[dict[str, Any]] = self.call("remove_member", caller, user_id=person.id)["deliveries"]
        return deliveries

    def send(self, sender: Known, content: str = "hello", **changed: Any) -> dict[str, Any]:
        """The one result of send_messages."""
        [result] = self.database.call("send_messages", messages=[item(sender, self.id, content, **changed)])["results"]
        found: dict[str, Any] = result
        return found

    def look(self, caller: Known) -> dict[str, Any]:
        return self.call("get_conversation", caller)

    def owners(self, caller: Known) -> list[str]:
        owners: list[str] = self.look(caller)["owner_ids"]
        return owners

    def log(self, caller: Known) -> list[tuple[int, str]]:
        changes = self.call("list_changes", caller, after_seq=0, page_limit=200)
        return [(event["seq"], event["event"]) for event in changes["events"]]
