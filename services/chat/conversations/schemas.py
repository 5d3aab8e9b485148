"""What the conversation routes take and answer."""

from __future__ import annotations

from typing import Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from shared.names import Name
from shared.wire import Conversation, Input, Member, Output, Seq, Text

GROUP_MEMBERS = 5_000


class PageQuery(Input):
    limit: int = Field(50, ge=1, le=200)
    cursor: Text | None = Field(None, max_length=1_000)


class OpenRequest(Input):
    """``{kind: "direct", member}``: the conversation with a person; ``{kind: "group", name, members, id?}``: a group of
    the caller, who owns it, and others. ``id``: made by the caller, so that a repeat is the same group."""

    kind: Literal["direct", "group"]
    member: UUID | None = None
    name: Name | None = Field(None, description="1 to 80 code points, trimmed, without control characters")
    members: list[UUID] | None = Field(None, max_length=GROUP_MEMBERS)
    id: UUID | None = None

    @model_validator(mode="after")
    def check_kind(self) -> Self:
        if self.kind == "direct" and self.member is None:
            raise ValueError("give the member of a direct conversation")
        if self.kind == "group" and (self.name is None or self.members is None):
            raise ValueError("give name and members of a group")
        return self


class RenameRequest(Input):
    name: Name = Field(description="1 to 80 code points, trimmed, without control characters")


class MemberRequest(Input):
    """Without ``role`` somebody new is a member, and who is there already stays what they are."""

    role: Literal["owner", "member"] | None = None


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
