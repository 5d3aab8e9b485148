"""The wire's shapes, declared once: OpenAPI, the event schemas and the frontend's TypeScript types come from here.

Shapes and rules: docs/protocol.md. What comes in is strict (`Input`), what goes out is described (`Output`).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

CONTENT_CODE_POINTS = 8_000
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC, microseconds, Z")]
Id = Annotated[UUID, Field(description="UUID")]
Seq = Annotated[int, Field(ge=0, le=2**53 - 1)]


def wire_time(seconds: float) -> str:
    """Unix seconds as the wire writes times."""
    fraction, whole = math.modf(seconds)
    micros = round(fraction * 1_000_000)
    if not 0 <= micros < 1_000_000:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{_write_second(int(whole))}.{micros:06d}Z"


@lru_cache(maxsize=4)
def _write_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def check_text(value: str) -> str:
    """Refuses what Postgres can't keep (NUL) and what UTF-8 can't carry (lone surrogates)."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return value


def check_content(value: str) -> str:
    """1–8,000 code points that are not only white space; kept exactly as sent."""
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Text = Annotated[str, AfterValidator(check_text)]
Content = Annotated[Text, Field(min_length=1, max_length=CONTENT_CODE_POINTS), AfterValidator(check_content)]


class Input(BaseModel):
    """A request body: types are exact; unknown fields are ignored, so that newer clients can talk to older servers."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Output(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldProblem(Output):
    field: str
    problem: str


class Error(BaseModel):
    """Every error of every service; further named data may stand beside these."""

    model_config = ConfigDict(extra="allow")
    code: str
    message: str
    fields: list[FieldProblem] | None = None


# People


class User(Output):
    """``email`` and ``role`` only to self and admins. A deleted one is "Deleted user", without email."""

    id: Id
    name: str
    avatar_url: str | None
    created_at: Time
    deleted_at: Time | None
    email: str | None = None
    role: Literal["admin", "member"] | None = None


class Session(Output):
    """``refresh_token`` never stands in answers to requests by cookie or with a browser's ``Origin``."""

    access_token: str
    refresh_token: str | None = None
    token_type: Literal["bearer"]
    expires_at: Time
    user: User


class Presence(Output):
    user_id: Id
    online: bool
    last_seen: Time | None


# Messages


class Attachment(Output):
    id: Id
    name: str
    mime: str
    size: int
    width: int | None
    height: int | None
    url: str


class Reaction(Output):
    emoji: str
    user_ids: list[Id] = Field(description="up to 20")
    count: int


class Message(Output):
    """``seq`` is that of its sending; ``changed_seq`` that of its last change. A tombstone has ``content: null``."""

    id: Id
    conversation_id: Id
    seq: Seq
    changed_seq: Seq
    sender_id: Id
    content: str | None
    reply_to: Id | None
    attachments: list[Attachment]
    reactions: list[Reaction]
    created_at: Time
    edited_at: Time | None
    deleted_at: Time | None


# Conversations


class Conversation(Output):
    """The last five fields stand only in answers to a member, never in events."""

    id: Id
    kind: Literal["direct", "group"]
    name: str | None
    owner_ids: list[Id]
    member_count: int
    members: list[User] = Field(description="up to 20")
    last_seq: Seq
    last_message: Message | None
    created_at: Time
    last_read_seq: Seq | None = None
    unread: int | None = Field(None, description="messages of others above last_read_seq, counted to 999")
    muted: bool | None = None
    peer: User | None = Field(None, description="the other person of a direct conversation")


class Member(Output):
    user: User
    role: Literal["owner", "member"]
    joined_at: Time
    last_read_seq: Seq


# Socket events: facts, in the past tense of the protocol. Every one is one object.


class MessageEvent(Output):
    conversation_id: Id
    seq: Seq = Field(description="of the conversation's log")
    message: Message


class ConversationEvent(Output):
    conversation_id: Id
    seq: Seq
    conversation: Conversation


class MemberEvent(Output):
    conversation_id: Id
    seq: Seq
    user: User
    member_count: int


class ReadEvent(Output):
    conversation_id: Id
    user_id: Id
    seq: Seq


class TypingEvent(Output):
    conversation_id: Id
    user_id: Id
    until: Time


class UserEvent(Output):
    user: User


class SessionExpiring(Output):
    expires_at: Time


class Resync(Output):
    """Something may have been missed: read the conversations afresh."""


class SessionEnded(Output):
    reason: Literal["too_slow", "shutting_down", "expired", "signed_out"]
    reconnect: bool


EVENTS: dict[str, type[Output]] = {
    "message.sent": MessageEvent,
    "message.edited": MessageEvent,
    "message.deleted": MessageEvent,
    "reaction.changed": MessageEvent,
    "conversation.created": ConversationEvent,
    "conversation.changed": ConversationEvent,
    "member.joined": MemberEvent,
    "member.left": MemberEvent,
    "read": ReadEvent,
    "typing": TypingEvent,
    "presence": Presence,
    "user.changed": UserEvent,
    "session.expiring": SessionExpiring,
    "resync": Resync,
    "session.ended": SessionEnded,
}
"""Server to client, by name. The first eight stand in a conversation's log and carry its ``seq``."""


class Authenticate(Input):
    """What a client emits as ``authenticate``; acknowledged with ``Authenticated`` or ``{"code"}``."""

    token: Text


class Authenticated(Output):
    ok: Literal[True]
    expires_at: Time


# Between services


class DeliverableEvent(Input):
    event: str
    data: dict[str, object]


class Delivery(Input):
    to: list[UUID] = Field(strict=False)
    events: list[DeliverableEvent]
    request_id: Text | None = Field(None, max_length=128, description="of the request that caused it, for the logs")


class DeliverRequest(Input):
    deliveries: list[Delivery]


class Accepted(Output):
    accepted: int
