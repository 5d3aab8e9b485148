"""What the code behind the two seeds got wrong, each once more: the README's table *Where the seeds went* names these.

The seeds are two public projects whose texts Pulse implements; their code does not do what the texts say.
"""

from __future__ import annotations

import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import socketio
import websocket

from services.auth.settings import AuthSettings
from services.chat.settings import ChatSettings
from services.websocket.settings import WebsocketSettings
from tests.system.conftest import EMBEDDED_ONLY, Room
from tests.system.person import Person
from tests.system.stack import Stack, new_email

ROOT = Path(__file__).parent.parent.parent

pytestmark = [pytest.mark.system, EMBEDDED_ONLY]


def code_of(person: Person, method: str, path: str, **arguments: Any) -> tuple[int, str]:
    answer = person.chat.request(method, path, **arguments)
    return answer.status_code, answer.json().get("code", "")


def make_group(owner: Person, *members: Person) -> str:
    body = {"kind": "group", "name": "Garden", "members": [member.id for member in members]}
    made: str = owner.chat.post("/conversations", body, status=201)["id"]
    return made


def test_the_services_listen_on_the_documented_ports(stack: Stack) -> None:
    kinds = (AuthSettings, ChatSettings, WebsocketSettings)
    assert [kind.model_fields["port"].default for kind in kinds] == [5001, 5002, 5003]


def test_a_mailed_link_leads_to_this_installation_and_signs_in(stack: Stack) -> None:
    mail = stack.mail_link(new_email("ann"))
    link = urlsplit(mail["link"])
    assert f"{link.scheme}://{link.netloc}" == stack.public_urls["auth"]
    assert link.fragment == ""
    assert stack.confirm(mail["token_hash"])["access_token"]


@pytest.mark.parametrize("guess", ["the whole link", "a fragment"])
def test_what_merely_stands_around_a_token_signs_nobody_in(stack: Stack, guess: str) -> None:
    mail = stack.mail_link(new_email("ann"))
    token = mail["link"] if guess == "the whole link" else f"#access_token={mail['token_hash']}&type=magiclink"
    answer = stack.http("auth").request("POST", "/auth/confirm", json={"token_hash": token})
    assert answer.status_code in (403, 422)


def test_an_address_alone_signs_nobody_in(stack: Stack, ann: Person) -> None:
    answer = stack.http("auth").request("POST", "/auth/login", json={"email": ann.email})
    assert answer.status_code == 202
    assert "token" not in answer.text
    assert not answer.cookies


@pytest.mark.parametrize("claim", [{"id_token": "e30.e30."}, {"email": "ann@example.org"}])
def test_a_google_account_is_not_taken_on_trust(stack: Stack, claim: dict[str, str]) -> None:
    answer = stack.http("auth").request("POST", "/auth/google", json=claim)
    assert answer.status_code in (403, 404, 422)


def test_an_access_token_lasts_ten_minutes_at_most(stack: Stack) -> None:
    session = stack.confirm(stack.mail_link(new_email("ann"))["token_hash"])
    assert datetime.fromisoformat(session["expires_at"]).timestamp() <= time.time() + 600


def test_the_sender_is_whoever_signed_in(room: Room) -> None:
    answer = room.ann.try_to_send("as ben?", to=room.ben.id, sender_id=room.ben.id)
    assert answer.status_code == 422 or answer.json()["sender_id"] == room.ann.id
    assert [one["sender_id"] for one in room.ben.history(room.id)].count(room.ben.id) == 0


def test_nobody_sends_without_signing_in(room: Room) -> None:
    body = {"to": room.ben.id, "content": "hello"}
    for path in ("/chat/send", "/messages"):
        assert room.stack.http("chat").request("POST", path, json=body).status_code == 401


def test_history_is_of_the_two_only_in_order_and_by_pages(room: Room) -> None:
    said = [room.first["content"], *(room.ann.send(f"{n}", to=room.ben.id)["content"] for n in range(4))]
    room.ben.send("elsewhere", to=room.cho.id)
    where = {"with": room.ann.id, "limit": 2}
    newest = room.ben.chat.get("/chat/history", **where)
    older = room.ben.chat.get("/chat/history", before=newest["messages"][0]["seq"], **where)
    assert [one["content"] for one in older["messages"] + newest["messages"]] == said[1:]
    assert room.cho.chat.get("/chat/history", **where)["messages"] == []


def test_messages_are_listed_and_found_by_id_by_whoever_is_in_the_conversation(room: Room) -> None:
    second = room.ben.send("hello ann", conversation_id=room.id)
    assert [one["id"] for one in room.ann.chat.get("/messages")["messages"]] == [second["id"], room.first["id"]]
    assert room.ann.chat.get(f"/messages/{second['id']}") == second
    assert room.cho.chat.get("/messages")["messages"] == []
    assert code_of(room.cho, "GET", f"/messages/{second['id']}") == (404, "message_not_found")


def test_a_message_reaches_its_recipients_sockets_once(room: Room) -> None:
    devices = [room.ben.connect(), room.ben.connect("polling"), room.ann.connect()]
    outsider = room.cho.connect()
    message = room.ann.send("once", to=room.ben.id)
    marker = room.ann.send("after it", to=room.ben.id)
    for device in devices:
        device.wait_for_message(marker)
        assert len(device.events("message.sent", seq=message["seq"])) == 1
    assert outsider.events("message.sent") == []


def test_a_socket_needs_a_token(stack: Stack, ann: Person) -> None:
    ann.token = "any.thing.else"
    device = ann.make_device()
    with pytest.raises(socketio.exceptions.ConnectionError):
        device.connect()
    assert [refusal["data"]["code"] for refusal in device.refused] == ["unauthorized"]


def test_pages_of_other_origins_get_no_socket(stack: Stack) -> None:
    address = f"{stack.urls['websocket'].replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(address, timeout=30, origin="https://elsewhere.example").close()


def test_naming_a_room_lets_nobody_into_it(room: Room) -> None:
    stranger, ben = room.cho.connect(), room.ben.connect()
    for event in ("join", "join_room", "subscribe", "send_message"):
        for where in (room.id, {"room": room.id}, {"conversation_id": room.id}, {"user_id": room.ben.id}):
            stranger.client.emit(event, where)
    ben.wait_for_message(room.ann.send("between us", to=room.ben.id))
    stranger.wait_for_message(room.ben.send("for cho", to=room.cho.id))
    assert stranger.events("message.sent", conversation_id=room.id) == []


def test_whoever_vanishes_without_a_word_goes_offline(room: Room) -> None:
    watching = room.ann.connect()
    address = f"{room.stack.urls['websocket'].replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    crashing = websocket.create_connection(address, timeout=30)
    crashing.send(f'40{{"token":"{room.ben.token}"}}')
    watching.wait_for("presence", user_id=room.ben.id, online=True)
    crashing.shutdown()  # the bare connection: no close frame, as after a crash
    gone = watching.wait_for("presence", user_id=room.ben.id, online=False)
    assert gone["last_seen"]


def test_a_send_that_is_repeated_is_one_message_and_one_answer(room: Room) -> None:
    again = {"id": room.first["id"], "to": room.ben.id}
    answers = [room.ann.try_to_send(room.first["content"], **again) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert [one["id"] for one in room.ben.history(room.id)] == [room.first["id"]]


def test_only_an_owner_changes_a_group(room: Room) -> None:
    group = f"/conversations/{make_group(room.ann, room.ben)}"
    assert room.ben.chat.request("PATCH", group, json={"name": "Mine"}).status_code == 403
    assert room.ben.chat.request("PUT", f"{group}/members/{room.cho.id}").status_code == 403
    assert room.ben.chat.request("DELETE", f"{group}/members/{room.ann.id}").status_code == 403
    assert room.ann.chat.request("PATCH", group, json={"name": "Ours"}).json()["name"] == "Ours"


def test_a_group_is_not_there_for_outsiders_and_strangers(room: Room) -> None:
    group = make_group(room.ann, room.ben)
    assert code_of(room.cho, "GET", f"/conversations/{group}") == (404, "conversation_not_found")
    assert room.stack.http("chat").request("GET", f"/conversations/{group}").status_code == 401
    assert "passcode" not in room.ben.chat.request("GET", f"/conversations/{group}").text


def test_no_secret_is_kept_in_the_repository(stack: Stack) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.env", "*.pem", "*.key", "*/secrets.json"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    assert listed.stdout == ""
    assert {"/.env", ".env"} & set((ROOT / ".gitignore").read_text().split())
