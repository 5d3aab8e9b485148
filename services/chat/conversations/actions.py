"""Groups and their members, each change a log entry; read positions and typing, told as hints outside the log."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

from services.chat.changes import change
from services.chat.conversations.schemas import OpenRequest
from services.chat.relay.pusher import Push, current_request_id
from services.chat.state import chat
from shared.caller import Caller
from shared.wire import wire_time

TYPING_SHOWN_SECONDS = 6


def get_conversation(caller: Caller, conversation_id: UUID) -> dict[str, Any]:
    """Raises DatabaseRefusal 404."""
    found: dict[str, Any] = chat().database.call(
        "get_conversation", caller=caller.user_id, conversation_id=conversation_id
    )
    return found


def open_group(caller: Caller, request: OpenRequest) -> tuple[dict[str, Any], bool]:
    """The group as its creator sees it, and whether this call made it. Raises DatabaseRefusal 404 or 409."""
    opened = change(
        "open_group",
        caller=caller.user_id,
        conversation_id=request.id or uuid4(),
        name=request.name,
        members=[str(user_id) for user_id in request.members or ()],
    )
    return opened["conversation"], opened["created"]


def rename_group(caller: Caller, conversation_id: UUID, name: str) -> dict[str, Any]:
    """Raises DatabaseRefusal 403, 404 or 409."""
    renamed = change("rename_group", caller=caller.user_id, conversation_id=conversation_id, name=name)
    conversation: dict[str, Any] = renamed["conversation"]
    return conversation


def put_member(caller: Caller, conversation_id: UUID, user_id: UUID, role: str | None) -> dict[str, Any]:
    """The member as they are now. Raises DatabaseRefusal 403, 404 or 409."""
    put = change("put_member", caller=caller.user_id, conversation_id=conversation_id, user_id=user_id, role=role)
    member: dict[str, Any] = put["member"]
    return member


def remove_member(caller: Caller, conversation_id: UUID, user_id: UUID) -> None:
    """Raises DatabaseRefusal 403, 404 or 409."""
    change("remove_member", caller=caller.user_id, conversation_id=conversation_id, user_id=user_id)


def mark_read(caller: Caller, conversation_id: UUID, seq: int) -> dict[str, Any]:
    """Moves the position and tells the reader's devices and, in small conversations, the others."""
    moved: dict[str, Any] = chat().database.call(
        "mark_read", caller=caller.user_id, conversation_id=conversation_id, read_seq=seq
    )
    data = {
        "conversation_id": str(conversation_id),
        "user_id": str(caller.user_id),
        "seq": moved["last_read_seq"],
    }
    chat().pusher.push([Push(None, moved.pop("to"), "read", data, current_request_id())])
    return moved


def tell_typing(caller: Caller, conversation_id: UUID) -> None:
    if not chat().typists.may_tell(caller.user_id, conversation_id):
        return
    to = chat().database.call("list_typing_recipients", caller=caller.user_id, conversation_id=conversation_id)
    if not chat().typists.note(caller.user_id, conversation_id):
        return
    data = {
        "conversation_id": str(conversation_id),
        "user_id": str(caller.user_id),
        "until": wire_time(time.time() + TYPING_SHOWN_SECONDS),
    }
    chat().pusher.push([Push(None, to, "typing", data, current_request_id())])
