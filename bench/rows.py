"""The rows of a large installation, the same each time: who talks with whom, and what was said for a year."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from bench.words import Writer

SEED = 5
END = datetime(2026, 11, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
NULL = "\\N"
MESSAGE_COLUMNS = (
    "id, conversation_id, seq, changed_seq, sender_id, content, request_hash, reply_to,"
    " created_at, edited_at, deleted_at"
)
LONE, BUSY = 0, 1
"""The place among ``people`` of who is in the largest conversation only, and of who is in ``Shape.busiest`` of them."""


@dataclass(frozen=True)
class Shape:
    """Half of all messages are in the largest conversation, a group; every fifth of the others is a group too."""

    messages: int = 1_000_000
    people: int = 10_000
    conversations: int = 2_000
    busiest: int = 200
    largest_members: int = 500


@dataclass
class Conversation:
    """``seq`` is the newest position of its log; 1 made it."""

    id: UUID
    members: list[UUID]
    is_group: bool
    seq: int = 1
    changed_at: datetime = END - YEAR
    last_message: str = NULL

    def __post_init__(self) -> None:
        self.text, self.texts = str(self.id), [str(member) for member in self.members]


class Rows:
    """``messages`` once run through, the conversations are as their messages left them."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._random = Random(SEED)  # noqa: S311 - to be repeated, not to be secret
        self.people = [self._make_id() for _ in range(shape.people)]
        self.conversations = [self._make_conversation(place) for place in range(shape.conversations)]

    def _make_id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def _make_conversation(self, place: int) -> Conversation:
        is_group = place % 5 == 0
        if place == 0:
            members = self.people[: self.shape.largest_members]
        else:
            others = self.people[2 + place :] if is_group else self.people[2 + place : 3 + place]
            first = self.people[BUSY] if place < self.shape.busiest else self._random.choice(self.people[2 : 2 + place])
            size = min(self._random.randint(3, 50), len(others)) if is_group else 1
            members = [first, *self._random.sample(others, size)]
        return Conversation(self._make_id(), members, is_group)

    def messages(self) -> Iterator[str]:
        """Lines of ``copy public.messages (…)`` in text format, oldest first; see ``MESSAGE_COLUMNS``.

        Of a hundred one is edited, of two hundred one is deleted, of thirty one is a reply.
        """
        random, others = self._random, self.shape.conversations - 1
        writer, pause, began = Writer(SEED), YEAR / self.shape.messages, END - YEAR
        for place in range(self.shape.messages):
            # Of the others the k-th largest gets 1/k of what their largest gets, as words do.
            talk = self.conversations[0 if place % 2 else int(others ** random.random())]
            said_at, content, message_id = began + pause * place, writer.write(), f"{random.getrandbits(128):032x}"
            reply_to = talk.last_message if random.random() < 1 / 30 else NULL
            known_by = hash_request(talk.text, content, reply_to)
            seq = changed_seq = talk.seq + 1
            changed_at, edited, deleted = said_at, NULL, NULL
            fate = random.random()
            if fate < 0.015:
                changed_seq, changed_at = seq + 1, said_at + pause / 2
                if fate < 0.01:
                    content, edited = f"{content} {content}", changed_at.isoformat()
                else:
                    content, deleted = NULL, changed_at.isoformat()
            yield (
                f"{message_id}\t{talk.text}\t{seq}\t{changed_seq}\t{random.choice(talk.texts)}\t{content}\t{known_by}"
                f"\t{reply_to}\t{said_at.isoformat()}\t{edited}\t{deleted}\n"
            )
            talk.seq, talk.changed_at, talk.last_message = changed_seq, changed_at, message_id


def hash_request(conversation_id: str, content: str, reply_to: str) -> str:
    """What the chat service keeps of a request (services/chat/messages/sending.py), of one that JSON need not quote."""
    reply = "" if reply_to == NULL else str(UUID(reply_to))
    return hashlib.sha256(f'["{conversation_id}", "{content}", "{reply}", []]'.encode()).hexdigest()
