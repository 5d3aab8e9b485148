"""One message's way into the database: resolve, hash, batch, and hand what was committed to the pusher."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring_ascii
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import Counter

from services.chat.errors import AttachmentNotFound
from services.chat.messages.batcher import Batcher
from services.chat.messages.lane import Tell
from services.chat.messages.schemas import SendRequest
from services.chat.relay.pusher import Push, Pusher, current_request_id
from shared.database import Database
from shared.errors import DatabaseRefusal

REMEMBERED_DIRECTS = 50_000
SENDS = Counter("pulse_sends_total", "Messages by outcome", ["status"])


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One item of ``send_messages``, and the request it came with."""

    item: dict[str, Any]
    request_id: str | None


class Sender:
    """Thread-safe; one of it in a process."""

    def __init__(self, database: Database, pusher: Pusher) -> None:
        self._database = database
        self._pusher = pusher
        self._batcher = Batcher(
            self._send_batch, lambda outcomes: self._tell(outcomes), lambda stays: pusher.end(here=stays)
        )
        self._tell: Tell = lambda _: None
        self._directs: OrderedDict[tuple[UUID, str], UUID] = OrderedDict()

    def send(self, sender_id: UUID, request: SendRequest) -> tuple[int, dict[str, Any]]:
        """(201, message) once committed, (200, message) for a resend. Raises DatabaseRefusal or Unavailable."""
        if request.attachments:
            raise AttachmentNotFound()
        conversation_id = request.conversation_id or self._find_direct(sender_id, request.to or "")
        outgoing = make_outgoing(sender_id, conversation_id, request, current_request_id())
        return read_result(self._batcher.send(conversation_id, outgoing))

    def hear(self, tell: Tell) -> None:
        """``tell`` is called with the outcomes of what was submitted, in another thread."""
        self._tell = tell

    def find_known(self, sender_id: UUID, request: SendRequest) -> UUID | None:
        """The conversation it goes to, where no database need be asked and nothing is wrong with it."""
        if request.attachments:
            return None
        return request.conversation_id or self._directs.get((sender_id, request.to or ""))

    def submit(
        self, sender_id: UUID, conversation_id: UUID, request: SendRequest, request_id: str, ticket: object
    ) -> None:
        """Sends it with the next ``set_out``. Raises SendQueueFull."""
        outgoing = make_outgoing(sender_id, conversation_id, request, request_id)
        self._batcher.submit(conversation_id, outgoing, ticket)

    def set_out(self) -> None:
        self._batcher.set_out()

    def open_direct(self, caller: UUID, recipient: str) -> tuple[UUID, bool]:
        """The direct conversation's id, and whether this call made it. Raises DatabaseRefusal."""
        opened = self._database.call("open_direct", caller=caller, recipient=recipient)
        if opened["delivery"]:
            self._pusher.push([Push.from_delivery(opened["delivery"])])
        return UUID(opened["conversation_id"]), opened["created"]

    def _find_direct(self, caller: UUID, recipient: str) -> UUID:
        key = (caller, recipient)
        known = self._directs.get(key)
        if known:
            return known
        conversation_id, _ = self.open_direct(caller, recipient)
        if "@" not in recipient:  # an address may pass to another person; a pair's conversation is for ever
            self._directs[key] = conversation_id
            while len(self._directs) > REMEMBERED_DIRECTS:
                self._directs.popitem(last=False)
        return conversation_id

    def _send_batch(self, batch: list[Outgoing]) -> list[dict[str, Any]]:
        """One transaction; what it committed is on its way before anybody is answered, which waits for no push."""
        answer = self._database.call("send_messages", messages=[outgoing.item for outgoing in batch])
        results: list[dict[str, Any]] = answer["results"]
        self._pusher.begin(
            [
                Push(
                    outbox_id=result["outbox_id"],
                    to=answer["recipients"][result["message"]["conversation_id"]],
                    event="message.sent",
                    data={
                        "conversation_id": result["message"]["conversation_id"],
                        "seq": result["message"]["seq"],
                        "message": result["message"],
                    },
                    request_id=outgoing.request_id,
                )
                for outgoing, result in zip(batch, results, strict=True)
                if result["status"] == 201
            ]
        )
        return results


def make_outgoing(sender_id: UUID, conversation_id: UUID, request: SendRequest, request_id: str | None) -> Outgoing:
    return Outgoing(
        {
            "id": str(request.id or uuid4()),
            "sender_id": str(sender_id),
            "conversation_id": str(conversation_id),
            "content": request.content,
            "reply_to": str(request.reply_to) if request.reply_to else None,
            "request_hash": hash_request(conversation_id, request),
        },
        request_id,
    )


def read_result(result: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """(status, message) of one item's result. Raises DatabaseRefusal."""
    _count(result["status"])()
    if "code" in result:
        raise DatabaseRefusal(result["status"], result["code"], {})
    return result["status"], result["message"]


@cache
def _count(status: int) -> Callable[[], None]:
    """To look labels up costs more than to count."""
    return SENDS.labels(str(status)).inc


def hash_request(conversation_id: UUID, request: SendRequest) -> str:
    """What makes two requests the same message: where to, and everything it says."""
    # As json.dumps writes the list of the four, which the hashes kept with all messages were made of.
    attachments = ", ".join(f'"{attachment}"' for attachment in request.attachments)
    content = encode_basestring_ascii(request.content)
    said = f'["{conversation_id}", {content}, "{request.reply_to or ""}", [{attachments}]]'
    return hashlib.sha256(said.encode()).hexdigest()
