"""The conversation list, members, read positions, typing."""

from __future__ import annotations

from uuid import UUID

from services.chat.conversations import actions
from services.chat.conversations.schemas import (
    Conversations,
    MemberRequest,
    Members,
    OpenRequest,
    PageQuery,
    ReadPosition,
    ReadRequest,
    RenameRequest,
)
from services.chat.errors import (
    ConversationIdTaken,
    ConversationNotFound,
    DirectConversation,
    GroupFull,
    LastOwner,
)
from services.chat.state import chat
from shared.api import Answer, Api
from shared.caller import Caller
from shared.errors import NotAllowed, TooManyRequests, UserNotFound
from shared.wire import Conversation, Member

api = Api("conversations")

OPEN_ERRORS = (UserNotFound, ConversationIdTaken, GroupFull, TooManyRequests)
OWNER_ERRORS = (ConversationNotFound, NotAllowed, DirectConversation, TooManyRequests)


@api.on("GET", "/conversations")
def list_conversations(caller: Caller, query: PageQuery) -> Answer[Conversations]:
    """The caller's conversations, newest change first."""
    page = chat().database.read(
        "list_conversations", caller=caller.user_id, page_limit=query.limit, cursor=query.cursor
    )
    return Answer(page)


@api.on("POST", "/conversations", status=201, also=(200,), errors=OPEN_ERRORS)
def open_conversation(caller: Caller, body: OpenRequest) -> Answer[Conversation]:
    """Opens the direct conversation with a person, or makes a group.
    200 when it was there already."""
    chat().send_limit.take(caller.user_id)
    if body.kind == "group":
        conversation, created = actions.open_group(caller, body)
    else:
        conversation_id, created = chat().sender.open_direct(caller.user_id, str(body.member))
        conversation = actions.get_conversation(caller, conversation_id)
    return Answer(conversation, 201 if created else 200)


@api.on("GET", "/conversations/<uuid:conversation_id>", errors=(ConversationNotFound,))
def get_conversation(caller: Caller, conversation_id: UUID) -> Answer[Conversation]:
    """One conversation."""
    return Answer(actions.get_conversation(caller, conversation_id))


@api.on("PATCH", "/conversations/<uuid:conversation_id>", errors=OWNER_ERRORS)
def rename_group(caller: Caller, conversation_id: UUID, body: RenameRequest) -> Answer[Conversation]:
    """Gives a group another name. Owners only."""
    chat().send_limit.take(caller.user_id)
    return Answer(actions.rename_group(caller, conversation_id, body.name))


@api.on("GET", "/conversations/<uuid:conversation_id>/members", errors=(ConversationNotFound,))
def list_members(caller: Caller, conversation_id: UUID, query: PageQuery) -> Answer[Members]:
    """Who is in a conversation, by name."""
    page = chat().database.read(
        "list_members",
        caller=caller.user_id,
        conversation_id=conversation_id,
        page_limit=query.limit,
        cursor=query.cursor,
    )
    return Answer(page)


@api.on(
    "PUT",
    "/conversations/<uuid:conversation_id>/members/<uuid:user_id>",
    errors=(*OWNER_ERRORS, UserNotFound, GroupFull, LastOwner),
)
def put_member(caller: Caller, conversation_id: UUID, user_id: UUID, body: MemberRequest) -> Answer[Member]:
    """Takes somebody into a group, or changes their role. Owners only.
    A new member sees the whole history."""
    chat().send_limit.take(caller.user_id)
    return Answer(actions.put_member(caller, conversation_id, user_id, body.role))


@api.on("DELETE", "/conversations/<uuid:conversation_id>/members/<uuid:user_id>", status=204, errors=OWNER_ERRORS)
def remove_member(caller: Caller, conversation_id: UUID, user_id: UUID) -> None:
    """Leaves a group, or takes somebody out of it, which only owners may.
    The last owner's place goes to the longest-standing member."""
    chat().send_limit.take(caller.user_id)
    actions.remove_member(caller, conversation_id, user_id)


@api.on("POST", "/conversations/<uuid:conversation_id>/read", errors=(ConversationNotFound,))
def mark_read(caller: Caller, conversation_id: UUID, body: ReadRequest) -> Answer[ReadPosition]:
    """Moves the caller's read position forward; never back, never above last_seq."""
    return Answer(actions.mark_read(caller, conversation_id, body.seq))


@api.on("POST", "/conversations/<uuid:conversation_id>/typing", status=204, errors=(ConversationNotFound,))
def tell_typing(caller: Caller, conversation_id: UUID) -> None:
    """Shows the others for a few seconds that the caller is writing. Throttled."""
    actions.tell_typing(caller, conversation_id)
