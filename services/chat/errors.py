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
