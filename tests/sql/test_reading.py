"""History, changes, lists, read positions on a real Postgres: each for a member, and refused to an outsider."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from shared.errors import DatabaseRefusal
from tests.people import item
from tests.sql.conftest import Room


def history(room: Room, who: Any, **changed: Any) -> dict[str, Any]:
    arguments = {"conversation_id": room.id, "peer": None, "before_seq": None, "after_seq": None, "page_limit": 50}
    page: dict[str, Any] = room.database.call("list_history", caller=who.id, **{**arguments, **changed})
    return page


def send(room: Room, who: Any, count: int = 1) -> list[dict[str, Any]]:
    items = [item(who, room.id, f"message {n}") for n in range(count)]
    return [result["message"] for result in room.database.call("send_messages", messages=items)["results"]]


def seqs(page: dict[str, Any]) -> list[int]:
    return [message["seq"] for message in page["messages"]]


def test_history_pages_by_seq_in_both_directions(room: Room) -> None:
    send(room, room.ann, 10)  # seq 2 to 11
    newest = history(room, room.ben, page_limit=4)
    older = history(room, room.ben, page_limit=4, before_seq=8)
    oldest = history(room, room.ben, page_limit=4, before_seq=4)
    newer = history(room, room.ben, page_limit=4, after_seq=4)
    between = history(room, room.ben, page_limit=4, after_seq=4, before_seq=6)
    assert [seqs(page) for page in (newest, older, oldest, newer, between)] == [
        [8, 9, 10, 11],
        [4, 5, 6, 7],
        [2, 3],
        [5, 6, 7, 8],
        [5],
    ]
    assert [page["has_more"] for page in (newest, older, oldest, newer, between)] == [True, True, False, True, False]
    assert newest["last_seq"] == 11


def test_history_with_a_person_is_that_of_the_direct_conversation(room: Room) -> None:
    send(room, room.ann)
    page = history(room, room.ben, conversation_id=None, peer=room.ann.id)
    assert (page["conversation_id"], seqs(page)) == (room.id, [2])


def test_history_with_somebody_nobody_has_written_to_is_empty(room: Room) -> None:
    page = history(room, room.ben, conversation_id=None, peer=room.cho.id)
    assert page == {"conversation_id": None, "messages": [], "has_more": False, "last_seq": 0}


def test_history_with_nobody_is_not_found(room: Room) -> None:
    with pytest.raises(DatabaseRefusal) as refused:
        history(room, room.ben, conversation_id=None, peer=uuid4())
    assert refused.value.code == "user_not_found"


def test_changes_are_the_log_above_a_position(room: Room) -> None:
    sent = send(room, room.ann, 3)
    changes = room.database.call("list_changes", caller=room.ben.id, conversation_id=room.id, after_seq=0, page_limit=3)
    assert [(event["seq"], event["event"]) for event in changes["events"]] == [
        (1, "conversation.created"),
        (2, "message.sent"),
        (3, "message.sent"),
    ]
    assert changes["events"][1]["data"] == {"conversation_id": room.id, "seq": 2, "message": sent[0]}
    assert (changes["last_seq"], changes["reset"]) == (4, False)


def test_more_than_a_thousand_behind_is_a_reset(room: Room) -> None:
    for _ in range(10):
        send(room, room.ann, 100)
    at_the_edge = room.database.call(
        "list_changes", caller=room.ben.id, conversation_id=room.id, after_seq=1, page_limit=50
    )
    beyond = room.database.call("list_changes", caller=room.ben.id, conversation_id=room.id, after_seq=0, page_limit=50)
    assert (at_the_edge["reset"], len(at_the_edge["events"])) == (False, 50)
    assert (beyond["reset"], beyond["events"]) == (True, [])


def test_a_member_reads_one_message(room: Room) -> None:
    [sent] = send(room, room.ann)
    assert room.database.call("get_message", caller=room.ben.id, message_id=sent["id"]) == sent


def test_what_is_only_passed_on_is_the_same_answer_as_json(room: Room) -> None:
    room.database.call("send_messages", messages=[item(room.ann, room.id, 'a "🐳" \\ whale')])
    arguments = {"conversation_id": room.id, "after_seq": 0, "page_limit": 9}
    as_json = room.database.read("list_changes", caller=room.ben.id, **arguments)
    assert json.loads(as_json) == room.database.call("list_changes", caller=room.ben.id, **arguments)
    assert "🐳".encode() in as_json
    with pytest.raises(DatabaseRefusal) as refusal:
        room.database.read("list_changes", caller=room.cho.id, **arguments)
    assert refusal.value.status == 404


def test_the_conversation_list_shows_unread_and_peer(room: Room) -> None:
    send(room, room.ann, 3)
    [seen] = room.database.call("list_conversations", caller=room.ben.id, page_limit=9, cursor=None)["conversations"]
    [own] = room.database.call("list_conversations", caller=room.ann.id, page_limit=9, cursor=None)["conversations"]
    assert (seen["unread"], seen["peer"]["name"], seen["last_message"]["content"]) == (3, "Ann", "message 2")
    assert (own["unread"], own["peer"]["name"]) == (0, "Ben")
    assert "email" not in seen["peer"]


def test_the_conversation_list_shows_each_as_it_is_shown_by_itself(room: Room) -> None:
    direct = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    group = str(uuid4())
    room.database.call(
        "open_group", caller=room.ann.id, conversation_id=group, name="Whales", members=[str(room.ben.id)]
    )
    send(room, room.ben, 2)
    send(room, room.ann)
    listed = room.database.call("list_conversations", caller=room.ann.id, page_limit=9, cursor=None)["conversations"]
    assert {shown["id"] for shown in listed} == {direct, group, room.id}
    for shown in listed:
        assert shown == room.database.call("get_conversation", caller=room.ann.id, conversation_id=shown["id"])


def test_unread_are_messages_of_others_that_are_not_deleted_up_to_999(room: Room) -> None:
    kept, gone, *_ = send(room, room.ann, 4)
    send(room, room.ben, 3)
    room.database.call("delete_message", caller=room.ann.id, message_id=gone["id"])
    room.database.call("edit_message", caller=room.ann.id, message_id=kept["id"], content="said otherwise")
    assert unread(room, room.ben) == 3
    for _ in range(10):
        send(room, room.ann, 100)
    assert (unread(room, room.ben), unread(room, room.ann)) == (999, 3)


def unread(room: Room, who: Any) -> int:
    """As the list has it, and alike wherever else it is told."""
    [listed] = room.database.call("list_conversations", caller=who.id, page_limit=9, cursor=None)["conversations"]
    shown = room.database.call("get_conversation", caller=who.id, conversation_id=room.id)
    marked = room.database.call("mark_read", caller=who.id, conversation_id=room.id, read_seq=1)
    assert listed["unread"] == shown["unread"] == marked["unread"]
    return int(listed["unread"])


def test_the_conversation_list_pages_newest_change_first(room: Room) -> None:
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    send(room, room.ann)
    first = room.database.call("list_conversations", caller=room.ann.id, page_limit=1, cursor=None)
    second = room.database.call("list_conversations", caller=room.ann.id, page_limit=1, cursor=first["next_cursor"])
    assert [page["conversations"][0]["id"] for page in (first, second)] == [room.id, other]
    assert second["next_cursor"] is None


def test_an_outsiders_list_is_empty(room: Room) -> None:
    send(room, room.ann)
    page = room.database.call("list_conversations", caller=room.cho.id, page_limit=9, cursor=None)
    assert page == {"conversations": [], "next_cursor": None}


def test_members_are_listed_by_name(room: Room) -> None:
    first = room.database.call("list_members", caller=room.ben.id, conversation_id=room.id, page_limit=1, cursor=None)
    second = room.database.call(
        "list_members", caller=room.ben.id, conversation_id=room.id, page_limit=1, cursor=first["next_cursor"]
    )
    assert [page["members"][0]["user"]["name"] for page in (first, second)] == ["Ann", "Ben"]
    assert second["next_cursor"] is None


def test_a_read_position_moves_forward_only_and_never_above_the_log(room: Room) -> None:
    send(room, room.ann, 3)

    def mark(seq: int) -> dict[str, Any]:
        moved: dict[str, Any] = room.database.call(
            "mark_read", caller=room.ben.id, conversation_id=room.id, read_seq=seq
        )
        return moved

    assert [(moved["last_read_seq"], moved["unread"]) for moved in (mark(3), mark(2), mark(999))] == [
        (3, 1),
        (3, 1),
        (4, 0),
    ]
    assert mark(4)["to"] == []  # nothing moved, nobody is told
    send(room, room.ann)
    assert set(mark(5)["to"]) == {str(room.ann.id), str(room.ben.id)}


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("list_history", {"peer": None, "before_seq": None, "after_seq": None, "page_limit": 9}),
        ("list_changes", {"after_seq": 0, "page_limit": 9}),
        ("get_conversation", {}),
        ("list_members", {"page_limit": 9, "cursor": None}),
        ("mark_read", {"read_seq": 1}),
        ("list_typing_recipients", {}),
    ],
)
def test_not_yours_answers_as_not_there(room: Room, function: str, arguments: dict[str, Any]) -> None:
    send(room, room.ann)
    room.database.call(function, caller=room.ben.id, conversation_id=room.id, **arguments)  # a member may
    answers = []
    for caller, conversation_id in ((room.cho.id, room.id), (room.ben.id, uuid4())):
        with pytest.raises(DatabaseRefusal) as refused:
            room.database.call(function, caller=caller, conversation_id=conversation_id, **arguments)
        answers.append((refused.value.status, refused.value.body()))
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["code"]) == (404, "conversation_not_found")


def test_an_outsider_can_not_read_one_message(room: Room) -> None:
    [sent] = send(room, room.ann)
    for caller, message_id in ((room.cho.id, sent["id"]), (room.ben.id, uuid4())):
        with pytest.raises(DatabaseRefusal) as refused:
            room.database.call("get_message", caller=caller, message_id=message_id)
        assert (refused.value.status, refused.value.code) == (404, "message_not_found")


def test_a_caller_without_a_live_account_is_nobody(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set deleted_at = now(), email = null where id = %s", [room.ben.id])
    for caller in (room.ben.id, uuid4()):
        with pytest.raises(DatabaseRefusal) as refused:
            room.database.call("get_conversation", caller=caller, conversation_id=room.id)
        assert (refused.value.status, refused.value.code) == (401, "account_unknown")


@pytest.mark.parametrize("cursor", ["zz", "00", "5b315d", "not hex at all"])
def test_a_forged_cursor_is_malformed(room: Room, cursor: str) -> None:
    with pytest.raises(DatabaseRefusal) as refused:
        room.database.call("list_conversations", caller=room.ann.id, page_limit=9, cursor=cursor)
    assert (refused.value.status, refused.value.code) == (422, "malformed")


def test_presence_is_shown_to_those_who_share_a_conversation(room: Room) -> None:
    told = room.database.call(
        "record_presence",
        changes=[
            {"user_id": str(room.ann.id), "online": True, "at": "2026-01-01T00:00:00Z"},
            {"user_id": str(room.ann.id), "online": False, "at": "2026-01-01T00:00:05Z"},
            {"user_id": str(uuid4()), "online": True, "at": "2026-01-01T00:00:00Z"},
        ],
    )
    assert told == [
        {
            "to": [str(room.ben.id)],
            "data": {"user_id": str(room.ann.id), "online": False, "last_seen": "2026-01-01T00:00:05.000000Z"},
        }
    ]
    asked = [str(person.id) for person in (room.ann, room.ben, room.cho)]
    by_ben = room.database.call("list_presence", caller=room.ben.id, ids=asked)
    by_cho = room.database.call("list_presence", caller=room.cho.id, ids=asked)
    assert {row["user_id"] for row in by_ben} == {str(room.ann.id), str(room.ben.id)}
    assert by_cho == []


def test_what_pages_show_is_what_events_show(room: Room, owner_url: str) -> None:
    first, second, third = send(room, room.ann, 3)
    reply = item(room.ben, room.id, '"\\ \t€😀', reply_to=first["id"])
    assert room.database.call("send_messages", messages=[reply])["results"][0]["status"] == 201
    with psycopg.connect(owner_url) as owner:
        owner.execute("update messages set content = 'edited', edited_at = now() where id = %s", [second["id"]])
        owner.execute("update messages set content = null, deleted_at = now() where id = %s", [third["id"]])
        owner.execute("update users set deleted_at = now(), email = null where id = %s", [room.cho.id])
        for table, word in (("messages", "message"), ("users", "user")):
            same = f"select t.id, write_{word}(t)::jsonb = wire_{word}(t) from {table} t"
            assert {row[1] for row in owner.execute(same.encode()).fetchall()} == {True}
    shown = history(room, room.ann)["messages"]
    single = [room.database.call("get_message", caller=room.ann.id, message_id=one["id"]) for one in shown]
    assert (shown, len(shown)) == (single, 4)
