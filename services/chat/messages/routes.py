"""Sending, history, changes; one message, its edit and its deletion."""

from __future__ import annotations

from uuid import UUID

from services.chat.conversations.schemas import PageQuery
from services.chat.errors import (
    AttachmentNotFound,
    ConversationNotFound,
    MessageDeleted,
    MessageIdTaken,
    MessageNotFound,
    SendQueueFull,
)
from services.chat.messages import changing
from services.chat.messages.schemas import (
    Changes,
    ChangesQuery,
    EditRequest,
    History,
    HistoryQuery,
    Messages,
    SendRequest,
)
from services.chat.state import chat
from shared.api import Answer, Api
from shared.caller import Caller
from shared.errors import NotAllowed, TooManyRequests, UserNotFound
from shared.wire import Message

api = Api("messages")

SEND_ERRORS = (
    ConversationNotFound,
    UserNotFound,
    MessageNotFound,
    AttachmentNotFound,
    MessageIdTaken,
    TooManyRequests,
    SendQueueFull,
)


@api.on("POST", "/messages", alias=True, status=201, also=(200,), errors=SEND_ERRORS)
@api.on("POST", "/chat/send", status=201, also=(200,), errors=SEND_ERRORS)
def send_message(caller: Caller, body: SendRequest) -> Answer[Message]:
    """Sends a message.
    201 once it is durable; 200 with the first one when the same id was sent before."""
    chat().send_limit.take(caller.user_id)
    status, message = chat().sender.send(caller.user_id, body)
    return Answer(message, status)


@api.on("GET", "/chat/history", errors=(ConversationNotFound, UserNotFound))
def list_history(caller: Caller, query: HistoryQuery) -> Answer[History]:
    """A page of a conversation's messages."""
    return Answer(chat().history.read(caller.user_id, query))


@api.on("GET", "/chat/changes", errors=(ConversationNotFound,))
def list_changes(caller: Caller, query: ChangesQuery) -> Answer[Changes]:
    """What happened in a conversation above a position of its log."""
    changes = chat().database.read(
        "list_changes",
        caller=caller.user_id,
        conversation_id=query.conversation_id,
        after_seq=query.after,
        page_limit=query.limit,
    )
    return Answer(changes)


@api.on("GET", "/messages")
def list_messages(caller: Caller, query: PageQuery) -> Answer[Messages]:
    """The messages of all the caller's conversations, newest first."""
    page = chat().database.read("list_messages", caller=caller.user_id, page_limit=query.limit, cursor=query.cursor)
    return Answer(page)


@api.on("GET", "/messages/<uuid:message_id>", errors=(MessageNotFound,))
def get_message(caller: Caller, message_id: UUID) -> Answer[Message]:
    """One message."""
    return Answer(chat().database.read("get_message", caller=caller.user_id, message_id=message_id))


@api.on("PATCH", "/messages/<uuid:message_id>", errors=(MessageNotFound, NotAllowed, MessageDeleted, TooManyRequests))
def edit_message(caller: Caller, message_id: UUID, body: EditRequest) -> Answer[Message]:
    """Changes what a message of one's own says."""
    chat().send_limit.take(caller.user_id)
    return Answer(changing.edit_message(caller, message_id, body.content))


@api.on("DELETE", "/messages/<uuid:message_id>", errors=(MessageNotFound, NotAllowed, TooManyRequests))
def delete_message(caller: Caller, message_id: UUID) -> Answer[Message]:
    """Empties a message of one's own, or any of a group one owns, and answers what is left of it."""
    chat().send_limit.take(caller.user_id)
    return Answer(changing.delete_message(caller, message_id))
