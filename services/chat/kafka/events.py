"""What stands in the topics: ``{id, type, version: 1, occurred_at, to, data}``, keyed by whose order is kept."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

from services.chat.kafka.connection import MESSAGES, USERS
from services.chat.kafka.publisher import Record
from shared.wire import Input, Text

VERSION = 1


class Event(Input):
    """One record's value. ``id`` is the same on every repeat; ``type`` and ``data`` are those of the socket event."""

    id: UUID
    type: Text
    version: Literal[1]
    occurred_at: Text
    to: list[UUID]
    data: dict[str, object]


def as_record(row: dict[str, Any]) -> Record:
    """Of a rendered row of kafka_outbox: ``{id, key, event, occurred_at, to, data}``."""
    value = {
        "id": row["id"],
        "type": row["event"],
        "version": VERSION,
        "occurred_at": row["occurred_at"],
        "to": row["to"],
        "data": row["data"],
    }
    return Record(
        id=row["id"],
        topic=USERS if row["event"] == "user.changed" else MESSAGES,
        key=row["key"].encode(),
        value=json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
    )
