"""A message that comes alone is judged and answered as it is among others: two statements that must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.people import item
from tests.sql.conftest import Room
from tests.sql.failing import count_messages

Item = dict[str, Any]
Made = Callable[[Room], Item]


def send(room: Room, *items: Item) -> Item:
    answer: Item = room.database.call("send_messages", messages=list(items))
    return answer


def sent_before(room: Room, **changed: Any) -> Item:
    first = item(room.ann, room.id)
    send(room, first)
    return {**first, **changed}


def elsewhere(room: Room) -> str:
    """A message of another conversation of ann's."""
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    return str(send(room, item(room.ann, other))["results"][0]["message"]["id"])


SITUATIONS: dict[str, tuple[int, Made]] = {
    "fresh": (201, lambda room: item(room.ann, room.id, 'a "🐳" \\ whale')),
    "a reply": (201, lambda room: item(room.ben, room.id, reply_to=sent_before(room)["id"])),
    "sent before": (200, sent_before),
    "other content": (409, lambda room: sent_before(room, request_hash="other")),
    "another's id": (409, lambda room: sent_before(room, sender_id=str(room.ben.id))),
    "no account": (401, lambda room: item(room.ann, room.id, sender_id=str(uuid4()))),
    "not a member": (404, lambda room: item(room.cho, room.id)),
    "no such conversation": (404, lambda room: item(room.ann, str(uuid4()))),
    "a reply to nothing": (404, lambda room: item(room.ann, room.id, reply_to=str(uuid4()))),
    "a reply to elsewhere": (404, lambda room: item(room.ann, room.id, reply_to=elsewhere(room))),
}


@pytest.mark.parametrize(("status", "make"), SITUATIONS.values(), ids=SITUATIONS)
def test_alone_it_is_answered_as_among_others(room: Room, status: int, make: Made) -> None:
    [alone] = send(room, make(room))["results"]
    among, _ = send(room, make(room), item(room.ben, room.id))["results"]
    assert (alone["status"], among["status"]) == (status, status)
    for result in (alone, among):
        assert ("outbox_id" in result) == (status == 201)
        result.pop("outbox_id", None)
        for changes in ("id", "seq", "changed_seq", "created_at", "reply_to"):
            result.get("message", {}).pop(changes, None)
    assert alone == among


def test_nobody_sends_to_whoever_is_deleted_alone_or_among_others(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set deleted_at = now(), email = null where id = %s", [room.ben.id])
    refused = {"status": 404, "code": "user_not_found"}
    assert send(room, item(room.ann, room.id)) == {"results": [refused], "recipients": {}}
    assert send(room, item(room.ann, room.id), item(room.ann, room.id))["results"] == [refused, refused]


def test_alone_it_leaves_the_rows_it_leaves_among_others(room: Room, owner_url: str) -> None:
    first = send(room, item(room.ann, room.id))
    send(room, item(room.ann, room.id), item(room.ben, room.id))
    message = first["results"][0]["message"]
    assert set(first["recipients"]) == {room.id}
    with psycopg.connect(owner_url) as owner:
        seqs, logged, queued = (
            [row[0] for row in owner.execute(f"select seq from {table} where seq > 1 order by seq")]
            for table in ("messages", "conversation_log", "outbox")
        )
        row = owner.execute(
            "select m.seq, m.created_at = l.created_at, c.last_seq, o.leased_until > clock_timestamp() from messages m"
            " join conversation_log l on l.message_id = m.id join conversations c on c.id = m.conversation_id"
            " join outbox o on o.id = %s where m.id = %s",
            [first["results"][0]["outbox_id"], message["id"]],
        ).fetchone()
    assert (seqs, logged, queued) == ([2, 3, 4], [2, 3, 4], [2, 3, 4])
    assert row == (2, True, 4, True)
    listed = room.database.call("get_message", caller=room.ben.id, message_id=message["id"])
    assert listed == message


def test_what_is_no_list_of_messages_is_malformed_and_an_empty_one_is_answered(room: Room, owner_url: str) -> None:
    assert send(room)["results"] is None
    with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.DataError):
        owner.execute("select send_messages('{}')")
    assert count_messages(owner_url) == 0
