"""Refusals of chat that OpenAPI names. The SQL functions decide them; the codes are the contract."""

from shared.errors import Conflict, NotFound, Unavailable


class ConversationNotFound(NotFound):
    code, message = "conversation_not_found", "There is no such conversation for you."


class MessageNotFound(NotFound):
    code, message = "message_not_found", "There is no such message for you."


class AttachmentNotFound(NotFound):
    code, message = "attachment_not_found", "There is no such attachment for you."


class MessageIdTaken(Conflict):
    code, message = "message_id_taken", "That id was used for another message."


class SendQueueFull(Unavailable):
    code, message = "busy", "Too much is being sent at once. Send it again with the same id."


class TooManySearches(Unavailable):
    code, message = "busy", "Too much is being searched for at once. Try again in a moment."


class MessageDeleted(Conflict):
    code, message = "message_deleted", "That message was deleted."


class DirectConversation(Conflict):
    code, message = "direct_conversation", "A conversation of two can't be renamed, joined or left."


class ConversationIdTaken(Conflict):
    code, message = "conversation_id_taken", "That id was used for another conversation."


class GroupFull(Conflict):
    code, message = "group_full", "A group has at most 5,000 members."


class LastOwner(Conflict):
    code, message = "last_owner", "A group needs an owner: make somebody else one first."
