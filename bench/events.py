"""The event that everybody is sent: what Pulse says of a new message, the same bytes from every server."""

from __future__ import annotations

import json
from typing import Any

from bench.client import MARKER
from bench.people import make_id

NAME = "message.sent"
FRAME_BYTES = 320


def make_event() -> dict[str, Any]:
    """Its data, with a marker in the message; with its name it fills a frame of FRAME_BYTES."""
    message = {"id": str(make_id("message", 1)), "sender_id": str(make_id("person", 0)), "content": MARKER + " "}
    event = {"conversation_id": str(make_id("conversation", 1)), "seq": 1, "message": message}
    message["content"] += "x" * (FRAME_BYTES - 4 - len(make_packet(event)))
    return event


def make_packet(event: dict[str, Any]) -> str:
    return "42" + json.dumps([NAME, event], separators=(",", ":"))
