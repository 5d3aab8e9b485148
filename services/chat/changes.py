"""Whatever changes a conversation: one SQL function, and the events it wrote to the log pushed once it is committed."""

from __future__ import annotations

from typing import Any

from services.chat.relay.pusher import Push
from services.chat.state import chat


def change(function: str, **arguments: Any) -> dict[str, Any]:
    """What the function answered; its ``deliveries`` are on their way. Raises DatabaseRefusal or Unavailable."""
    changed: dict[str, Any] = chat().database.call(function, **arguments)
    chat().pusher.push([Push.from_delivery(delivery) for delivery in changed["deliveries"]])
    return changed
