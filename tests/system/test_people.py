"""People who rename or delete themselves, through all services: who hears of it, and who is let in no more."""

from __future__ import annotations

import pytest
import socketio

from tests.system.conftest import Room
from tests.system.waiting import eventually

pytestmark = pytest.mark.system


def test_a_new_name_reaches_whoever_shares_a_conversation_and_ones_own_devices(room: Room) -> None:
    hers, his, outside = room.ann.connect(), room.ben.connect(), room.cho.connect()

    changed = room.ben.auth.request("PUT", f"/users/{room.ben.id}", json={"name": "Benjamin"})

    assert (changed.status_code, changed.json()["name"]) == (200, "Benjamin")
    told = hers.wait_for("user.changed")
    assert (told["user"]["id"], told["user"]["name"]) == (room.ben.id, "Benjamin")
    assert his.wait_for("user.changed") == told
    assert "email" not in told["user"]
    assert room.ann.conversation(room.id)["peer"] == told["user"]
    room.cho.send("hello", to=room.ann.id)
    outside.wait_for("message.sent")
    assert outside.events("user.changed") == []


def test_somebody_who_leaves_is_shut_out_everywhere_and_the_conversation_stays(room: Room) -> None:
    hers, his = room.ann.connect(), room.ben.connect()
    room.ben.send("goodbye", conversation_id=room.id)

    left = room.ben.auth.request("DELETE", f"/users/{room.ben.id}")

    assert left.status_code == 204, left.text
    assert his.wait_for("session.ended")["reason"] == "signed_out"
    his.wait_until(lambda: not his.client.connected, "the socket's end")
    told = hers.wait_for("user.changed")
    assert (told["user"]["id"], told["user"]["name"]) == (room.ben.id, "Deleted user")
    assert hers.wait_for("presence", user_id=room.ben.id, online=False)["last_seen"] is None

    # Chat hears of it within a second; until then the missing account says the same.
    for http, path in ((room.ben.auth, "/users"), (room.ben.chat, "/conversations")):
        assert http.request("GET", path).status_code == 401
    refused = room.ben.auth.request("POST", "/auth/refresh", json={"refresh_token": room.ben.refresh_token})
    assert refused.status_code == 401
    eventually(lambda: is_refused(room), "a refused socket")

    assert [message["content"] for message in room.ann.history(room.id)] == ["hello ben", "goodbye"]
    assert room.ann.conversation(room.id)["peer"]["name"] == "Deleted user"
    for to in ({"conversation_id": room.id}, {"to": room.ben.id}, {"to": room.ben.email}):
        answer = room.ann.try_to_send("are you there?", check=True, **to)
        assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


def is_refused(room: Room) -> bool:
    try:
        room.ben.connect()
    except socketio.exceptions.ConnectionError:
        return True
    return False
