"""The same people everywhere: ann owns the room, ben is in it, cho is outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from shared.database import Database


@dataclass(frozen=True)
class Known:
    """A person with a row in ``users``."""

    id: UUID
    name: str
    email: str


def add_person(database: Database, name: str) -> Known:
    person = Known(uuid4(), name, f"{name.lower()}@example.org")
    database.call("ensure_user", user_id=person.id, email=person.email, name=name, is_admin=False)
    return person


def item(sender: Known, conversation_id: str, content: str = "hello", **changed: Any) -> dict[str, Any]:
    """One entry of a send_messages call."""
    made = {
        "id": str(uuid4()),
        "sender_id": str(sender.id),
        "conversation_id": conversation_id,
        "content": content,
        "reply_to": None,
        "request_hash": json.dumps([conversation_id, content]),
    }
    return {**made, **changed}
