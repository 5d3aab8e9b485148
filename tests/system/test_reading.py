"""The conversation list, unread counts, read positions, typing."""

from __future__ import annotations

import pytest

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.person import Person

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]


def test_what_others_wrote_is_unread_until_it_is_read(room: Room) -> None:
    last = [room.ann.send(f"message {n}", conversation_id=room.id) for n in range(3)][-1]
    room.ben.send("an answer", conversation_id=room.id)

    assert room.ben.conversation(room.id)["unread"] == 4
    assert room.ann.conversation(room.id)["unread"] == 1
    position = room.ben.chat.post(f"/conversations/{room.id}/read", {"seq": last["seq"] - 1})

    assert position == {"last_read_seq": last["seq"] - 1, "unread": 1}
    assert room.ben.conversation(room.id)["unread"] == 1
    assert room.ann.conversation(room.id)["unread"] == 1


def test_a_read_position_never_moves_back_and_never_beyond_the_end(room: Room) -> None:
    last = room.ann.send("last", conversation_id=room.id)
    read = f"/conversations/{room.id}/read"

    assert room.ben.chat.post(read, {"seq": 1_000_000}) == {"last_read_seq": last["seq"], "unread": 0}
    assert room.ben.chat.post(read, {"seq": 1}) == {"last_read_seq": last["seq"], "unread": 0}
    for wrong in ({"seq": -1}, {"seq": "2"}, {"seq": 2**60}, {"seq": None}, {}):
        refused = room.ben.chat.request("POST", read, json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "malformed"), wrong


def test_reading_on_one_device_is_told_to_the_other_and_to_the_writer(room: Room) -> None:
    phone, laptop, anns = room.ben.connect(), room.ben.connect(), room.ann.connect()

    room.ben.chat.post(f"/conversations/{room.id}/read", {"seq": room.first["seq"]})

    told = {"conversation_id": room.id, "user_id": room.ben.id, "seq": room.first["seq"]}
    for device in (phone, laptop, anns):
        assert device.wait_for("read") == told


def test_typing_is_shown_to_the_other_and_not_repeated_at_once(room: Room) -> None:
    device = room.ben.connect()

    for _ in range(5):
        room.ann.chat.post(f"/conversations/{room.id}/typing", {}, status=204)
    told = device.wait_for("typing", conversation_id=room.id, user_id=room.ann.id)
    message = room.ann.send("there", conversation_id=room.id)
    device.wait_for_message(message)

    assert told["until"] > message["created_at"]
    # Each of chat's two processes throttles for itself.
    assert len(device.events("typing")) <= 2


def test_the_list_has_the_newest_change_first_and_pages(ann: Person, ben: Person, cho: Person) -> None:
    with_ben = ann.send("to ben", to=ben.id)
    with_cho = ann.send("to cho", to=cho.id)
    assert [c["id"] for c in ann.conversations()] == [with_cho["conversation_id"], with_ben["conversation_id"]]

    answer = ben.send("back", to=ann.id)

    first, second = ann.conversations()
    assert [first["id"], second["id"]] == [with_ben["conversation_id"], with_cho["conversation_id"]]
    assert first["last_message"] == answer
    assert (first["peer"]["id"], first["unread"], first["last_seq"]) == (ben.id, 1, answer["seq"])
    page = ann.chat.get("/conversations", limit=1)
    rest = ann.chat.get("/conversations", limit=1, cursor=page["next_cursor"])
    assert [page["conversations"], rest["conversations"]] == [[first], [second]]
    assert rest["next_cursor"] is None


def test_people_are_found_by_part_of_a_name_and_by_whole_address_only(ann: Person, ben: Person) -> None:
    def find(query: str) -> set[str]:
        return {user["id"] for user in ann.auth.get("/users", query=query, limit=200)["users"]}

    name = ben.user["name"]
    assert ben.id in find(name[1:].upper())
    assert ben.id in find(ben.email)
    assert ben.id not in find(ben.email[:-1])
    assert ben.id not in find("nobody of that name")
    assert ben.email not in ann.auth.request("GET", "/users", params={"query": ben.email}).text
    assert ann.auth.get(f"/users/{ben.id}")["name"] == name
    assert ann.auth.get(f"/users/{ann.id}")["email"] == ann.email
