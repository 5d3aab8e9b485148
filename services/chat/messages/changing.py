"""What happens to a message after it was sent: each change takes the next position of its conversation's log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.chat.changes import change
from shared.caller import Caller


def edit_message(caller: Caller, message_id: UUID, content: str) -> dict[str, Any]:
    """The message as it is now. Raises DatabaseRefusal 403, 404 or 409 message_deleted."""
    changed = change("edit_message", caller=caller.user_id, message_id=message_id, content=content)
    message: dict[str, Any] = changed["message"]
    return message


def delete_message(caller: Caller, message_id: UUID) -> dict[str, Any]:
    """The tombstone. Raises DatabaseRefusal 403 or 404."""
    message: dict[str, Any] = change("delete_message", caller=caller.user_id, message_id=message_id)["message"]
    return message
