"""What the message routes take and answer."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from shared.wire import Content, Id, Input, Message, Output, Seq, Text


def check_one_of(one: Any, other: Any, names: str) -> None:
    """Raises ValueError unless exactly one is given."""
    if (one is None) == (other is None):
        raise ValueError(f"give exactly one of {names}")


class SendRequest(Input):
    """``to``: a user id or an exact email, opens the direct conversation. ``id``: made by the sender, so that a resend
    of the same message is the same message."""

    to: Text | None = Field(None, min_length=1, max_length=320)
    conversation_id: UUID | None = None
    content: Content
    id: UUID | None = None
    reply_to: UUID | None = None
    attachments: list[UUID] = Field(default=[], max_length=10)

    @model_validator(mode="after")
    def check_target(self) -> Self:
        check_one_of(self.to, self.conversation_id, "to, conversation_id")
        return self


class EditRequest(Input):
    content: Content


class Messages(Output):
    """Newest first, over all the caller's conversations."""

    messages: list[Message]
    next_cursor: str | None


class HistoryQuery(Input):
    """``before`` and ``after`` are ``message.seq``; without them the newest page."""

    peer: UUID | None = Field(None, alias="with")
    conversation_id: UUID | None = None
    before: Seq | None = None
    after: Seq | None = None
    limit: int = Field(50, ge=1, le=200)

    @model_validator(mode="after")
    def check_target(self) -> Self:
        check_one_of(self.peer, self.conversation_id, "with, conversation_id")
        return self


class History(Output):
    """``conversation_id`` is null while nobody has written to the person asked ``with``."""

    conversation_id: Id | None
    messages: list[Message] = Field(description="ascending by seq")
    has_more: bool
    last_seq: Seq


class ChangesQuery(Input):
    conversation_id: UUID
    after: Seq = 0
    limit: int = Field(50, ge=1, le=200)


class LogEvent(Output):
    """``data`` is that of the socket event of the same name, with its subject as it is now."""

    seq: Seq
    event: str
    data: dict[str, Any]


class Changes(Output):
    """``reset``: more than 1,000 behind, reload history instead."""

    events: list[LogEvent]
    last_seq: Seq
    reset: bool
