"""Two people sign in and talk; a third one is outside."""

from __future__ import annotations

import pytest

from tests.system.conftest import Room
from tests.system.person import Person
from tests.system.stack import Stack

pytestmark = pytest.mark.system


def test_a_message_by_user_id_reaches_every_device_of_both_at_once(ann: Person, ben: Person) -> None:
    phone, laptop, bens = ann.connect("polling"), ann.connect("websocket"), ben.connect()

    message = ann.send("Hello Ben 👋", to=ben.id)

    for device in (bens, laptop, phone):
        heard = device.wait_for("message.sent")
        assert heard == {"conversation_id": message["conversation_id"], "seq": message["seq"], "message": message}
    assert ann.history(message["conversation_id"]) == ben.history(message["conversation_id"]) == [message]


def test_a_message_by_email_lands_in_the_same_conversation(room: Room) -> None:
    device = room.ben.connect()

    message = room.ann.send("by mail", to=room.ben.email)
    answer = room.ben.send("back", to=room.ann.email.upper())

    assert message["conversation_id"] == answer["conversation_id"] == room.id
    device.wait_for_message(message)
    device.wait_for_message(answer)
    assert room.ann.history(room.id) == room.ben.history(room.id) == [room.first, message, answer]


@pytest.mark.parametrize("stranger", ["nobody@example.org", "00000000-0000-4000-8000-000000000000", "not an address"])
def test_a_message_to_nobody_is_refused(ann: Person, stranger: str) -> None:
    refused = ann.try_to_send("anybody?", to=stranger)

    assert (refused.status_code, refused.json()["code"]) == (404, "user_not_found")


def test_a_message_to_oneself_is_refused(ann: Person) -> None:
    assert ann.try_to_send("me", to=ann.id).status_code == 422


def test_the_first_event_of_a_conversation_says_that_it_was_created(ann: Person, ben: Person) -> None:
    device = ben.connect()

    message = ann.send("first", to=ben.id)

    created = device.wait_for("conversation.created", conversation_id=message["conversation_id"])
    assert created["seq"] == 1
    assert {member["id"] for member in created["conversation"]["members"]} == {ann.id, ben.id}
    assert message["seq"] == 2


def test_somebody_outside_hears_nothing_of_it(room: Room) -> None:
    chos, bens = room.cho.connect(), room.ben.connect()
    anns = room.ann.connect()

    inside = room.ann.send("only for ben", conversation_id=room.id)
    room.ben.chat.post(f"/conversations/{room.id}/read", {"seq": inside["seq"]})
    room.ben.chat.post(f"/conversations/{room.id}/typing", {}, status=204)
    bens.wait_for_message(inside)
    anns.wait_for("typing", conversation_id=room.id)
    # All of that was written to sockets before this, so it would have come before this.
    outside = room.cho.send("hello ann", to=room.ann.id)

    chos.wait_for_message(outside)
    assert [heard for heard in chos.heard if room.id in str(heard.data) or room.ben.id in str(heard.data)] == []


def test_changes_say_what_the_socket_said(room: Room) -> None:
    device = room.ben.connect()
    sent = [room.ann.send(f"message {n}", conversation_id=room.id) for n in range(3)]

    heard = [device.wait_for_message(message) for message in sent]
    changes = room.ben.changes(room.id, room.first["seq"])

    assert [event["data"] for event in changes["events"]] == heard
    assert [event["event"] for event in changes["events"]] == ["message.sent"] * 3
    assert (changes["last_seq"], changes["reset"]) == (sent[-1]["seq"], False)


def test_history_pages_backwards_and_forwards(room: Room) -> None:
    sent = [room.first, *(room.ann.send(str(n), conversation_id=room.id) for n in range(6))]
    seqs = [message["seq"] for message in sent]
    read = room.ben.chat.get

    newest = read("/chat/history", conversation_id=room.id, limit=3)
    older = read("/chat/history", conversation_id=room.id, limit=3, before=newest["messages"][0]["seq"])
    later = read("/chat/history", conversation_id=room.id, limit=3, after=seqs[0])
    by_person = read("/chat/history", **{"with": room.ann.id})

    assert (newest["messages"], newest["has_more"], newest["last_seq"]) == (sent[-3:], True, seqs[-1])
    assert (older["messages"], older["has_more"]) == (sent[1:4], True)
    assert (later["messages"], later["has_more"]) == (sent[1:4], True)
    assert (by_person["messages"], by_person["has_more"]) == (sent, False)


def test_history_with_somebody_nobody_has_written_to_is_empty(room: Room) -> None:
    page = room.cho.chat.get("/chat/history", **{"with": room.ben.id})

    assert (page["messages"], page["has_more"], page["last_seq"]) == ([], False, 0)
    assert room.cho.conversations() == []


def test_a_link_works_once_however_often_it_was_looked_at(stack: Stack) -> None:
    mail = stack.mail_link("once@example.org")
    auth = stack.http("auth")
    for _ in range(5):
        page = auth.request("GET", "/auth/confirm", params={"token_hash": mail["token_hash"], "type": "email"})
        assert page.status_code == 200

    session = stack.confirm(mail["token_hash"])
    again = auth.request("POST", "/auth/confirm", json={"token_hash": mail["token_hash"]})
    tampered = auth.request("POST", "/auth/confirm", json={"token_hash": mail["token_hash"][::-1]})
    code = auth.request("POST", "/auth/confirm", json={"email": "once@example.org", "code": mail["code"]})

    assert session["user"]["email"] == "once@example.org"
    for refused in (again, tampered, code):
        assert (refused.status_code, refused.json()["code"]) == (403, "link_expired")


def test_a_link_and_its_code_are_over_after_ten_minutes(stack: Stack) -> None:
    auth = stack.http("auth")

    mail = stack.mail_link("late@example.org")
    with stack.backing.links_aged(9):
        assert stack.confirm(mail["token_hash"])["user"]["email"] == "late@example.org"

    mail = stack.mail_link("late@example.org")
    with stack.backing.links_aged(11):
        for body in ({"token_hash": mail["token_hash"]}, {"email": "late@example.org", "code": mail["code"]}):
            refused = auth.request("POST", "/auth/confirm", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "link_expired")


def test_a_code_signs_in_as_well(stack: Stack) -> None:
    mail = stack.mail_link("code@example.org")
    auth = stack.http("auth")

    wrong = auth.request("POST", "/auth/confirm", json={"email": "code@example.org", "code": "not it"})
    session = auth.post("/auth/confirm", {"email": "code@example.org", "code": mail["code"]})

    assert (wrong.status_code, wrong.json()["code"]) == (403, "link_expired")
    assert session["user"]["email"] == "code@example.org"
