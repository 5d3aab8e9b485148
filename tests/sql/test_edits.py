"""edit_message and delete_message on a real Postgres, through both adapters."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.errors import DatabaseRefusal
from tests.people import Known, item
from tests.sql.conftest import Room
from tests.sql.groups import Group


@pytest.fixture
def first(room: Room) -> dict[str, Any]:
    """ann's message, seq 2."""
    return send(room, item(room.ann, room.id, "helo"))["message"]  # type: ignore[no-any-return]


def send(room: Room, one: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = room.database.call("send_messages", messages=[one])["results"][0]
    return result


def edit(room: Room, caller: Known, message_id: object, content: str = "hello") -> dict[str, Any]:
    edited: dict[str, Any] = room.database.call(
        "edit_message", caller=caller.id, message_id=str(message_id), content=content
    )
    return edited


def delete(room: Room, caller: Known, message_id: object) -> dict[str, Any]:
    deleted: dict[str, Any] = room.database.call("delete_message", caller=caller.id, message_id=str(message_id))
    return deleted


def changes(room: Room, after: int = 0) -> list[dict[str, Any]]:
    found = room.database.call(
        "list_changes", caller=room.ben.id, conversation_id=room.id, after_seq=after, page_limit=50
    )
    events: list[dict[str, Any]] = found["events"]
    return events


def refused(room: Room, function: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(DatabaseRefusal) as refusal:
        function(room, *arguments)
    return refusal.value.status, refusal.value.code


def test_an_edit_keeps_the_place_and_takes_the_next_position_of_the_log(room: Room, first: dict[str, Any]) -> None:
    edited = edit(room, room.ann, first["id"])
    message = edited["message"]
    assert message["edited_at"] >= first["created_at"]
    assert message == {**first, "content": "hello", "changed_seq": 3, "edited_at": message["edited_at"]}
    [delivery] = edited["deliveries"]
    assert (delivery["event"], set(delivery["to"])) == ("message.edited", {str(room.ann.id), str(room.ben.id)})
    assert delivery["data"] == {"conversation_id": room.id, "seq": 3, "message": message}
    [entry] = changes(room, 2)
    assert (entry["seq"], entry["event"], entry["data"]) == (3, "message.edited", delivery["data"])
    assert room.database.call("get_message", caller=room.ben.id, message_id=first["id"]) == message


def test_an_edit_to_what_it_says_already_changes_nothing(room: Room, first: dict[str, Any]) -> None:
    edit(room, room.ann, first["id"])
    again = edit(room, room.ann, first["id"])
    assert (again["message"]["changed_seq"], again["deliveries"]) == (3, [])
    assert [entry["seq"] for entry in changes(room)] == [1, 2, 3]


def test_a_deletion_leaves_a_tombstone(room: Room, first: dict[str, Any]) -> None:
    deleted = delete(room, room.ann, first["id"])
    message = deleted["message"]
    assert message == {**first, "content": None, "changed_seq": 3, "deleted_at": message["deleted_at"]}
    assert message["deleted_at"] >= first["created_at"]
    assert (message["attachments"], message["reactions"]) == ([], [])
    [delivery] = deleted["deliveries"]
    assert (delivery["event"], delivery["data"]["message"]) == ("message.deleted", message)
    # The log shows a message as it is now, from its sending on.
    assert [entry["data"]["message"] for entry in changes(room, 1)] == [message, message]


def test_deleting_twice_is_one_deletion_and_a_deleted_message_is_edited_no_more(
    room: Room, first: dict[str, Any]
) -> None:
    once, twice = delete(room, room.ann, first["id"]), delete(room, room.ann, first["id"])
    assert (twice["message"], twice["deliveries"]) == (once["message"], [])
    assert refused(room, edit, room.ann, first["id"]) == (409, "message_deleted")
    assert [entry["seq"] for entry in changes(room)] == [1, 2, 3]


def test_another_members_message_is_left_alone_and_an_outsider_finds_none(room: Room, first: dict[str, Any]) -> None:
    for function in (edit, delete):
        assert refused(room, function, room.ben, first["id"]) == (403, "not_allowed")
        assert refused(room, function, room.cho, first["id"]) == (404, "message_not_found")
        assert refused(room, function, room.ann, uuid4()) == (404, "message_not_found")
        assert refused(room, function, Known(uuid4(), "", ""), first["id"]) == (401, "account_unknown")
    assert [entry["seq"] for entry in changes(room)] == [1, 2]


def test_a_groups_owner_deletes_any_message_and_edits_none(room: Room) -> None:
    group = Group(room.database, room.ann, [room.ben, room.cho])
    his = group.send(room.ben)["message"]
    assert refused(room, delete, room.cho, his["id"]) == (403, "not_allowed")
    assert refused(room, edit, room.ann, his["id"]) == (403, "not_allowed")
    assert delete(room, room.ann, his["id"])["message"]["content"] is None


@pytest.mark.parametrize("change", [edit, delete])
def test_a_resend_of_a_changed_message_is_still_that_message(room: Room, change: Any) -> None:
    once = item(room.ann, room.id, "helo")
    send(room, once)
    changed = change(room, room.ann, once["id"])["message"]
    again = send(room, once)
    assert (again["status"], again["message"]) == (200, changed)
    other = send(room, {**once, "content": "hello", "request_hash": "of hello"})
    assert (other["status"], other["code"]) == (409, "message_id_taken")


def test_a_deleted_message_is_unread_no_more_and_the_list_shows_what_is_there_now(
    room: Room, first: dict[str, Any]
) -> None:
    def seen_by_ben() -> dict[str, Any]:
        page = room.database.call("list_conversations", caller=room.ben.id, page_limit=9, cursor=None)
        found: dict[str, Any] = page["conversations"][0]
        return found

    second = send(room, item(room.ann, room.id, "second"))["message"]
    room.database.call("open_direct", caller=room.ben.id, recipient=str(room.cho.id))
    assert seen_by_ben()["id"] != room.id
    edited = edit(room, room.ann, second["id"], "the second")["message"]
    assert (seen_by_ben()["id"], seen_by_ben()["last_message"], seen_by_ben()["unread"]) == (room.id, edited, 2)
    gone = delete(room, room.ann, second["id"])["message"]
    assert (seen_by_ben()["last_message"], seen_by_ben()["unread"], seen_by_ben()["last_seq"]) == (gone, 1, 5)
    delete(room, room.ann, first["id"])
    assert seen_by_ben()["unread"] == 0


def test_a_reply_outlives_what_it_answers(room: Room, first: dict[str, Any]) -> None:
    delete(room, room.ann, first["id"])
    reply = send(room, item(room.ben, room.id, "why?", reply_to=first["id"]))
    assert (reply["status"], reply["message"]["reply_to"]) == (201, first["id"])
