"""What the conversation routes take and answer."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.wire import Conversation, Input, Member, Output, Seq, Text


class PageQuery(Input):
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=1_000)


class OpenRequest(Input):
    """A direct conversation with a person."""

    kind: Literal["direct"]
    member: UUID


class Conversations(Output):
    """Newest change first."""

    conversations: list[Conversation]
    next_cursor: str | None


class Members(Output):
    members: list[Member]
    next_cursor: str | None


class ReadRequest(Input):
    seq: Seq


class ReadPosition(Output):
    last_read_seq: Seq
    unread: int
