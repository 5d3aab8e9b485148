"""Every route of chat, tried by those who may and those who may not. A new route needs a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.http import Http
from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]


@dataclass(frozen=True)
class Call:
    """One use of a route on ann's and ben's conversation."""

    path: str
    query: dict[str, Any] | None = None
    body: dict[str, Any] | None = None

    def send(self, http: Http, method: str) -> requests.Response:
        return http.request(method, self.path, params=self.query, json=self.body)


Calls = dict[tuple[str, str], Callable[[Room], Call]]


def group_of_ben(room: Room) -> str:
    """ann is in it, cho is outside."""
    return room.ben.open_group("friends", room.ann)


def of_ben(room: Room) -> str:
    """A message that ben wrote to ann."""
    message_id: str = room.ben.send("mine", conversation_id=room.id)["id"]
    return message_id


def write(room: Room) -> dict[str, Any]:
    return {"conversation_id": room.id, "content": "hello", "id": str(uuid4())}


# Those who are not in the conversation find nothing there.
INSIDE: Calls = {
    ("POST", "/chat/send"): lambda room: Call("/chat/send", body=write(room)),
    ("POST", "/messages"): lambda room: Call("/messages", body=write(room)),
    ("GET", "/chat/history"): lambda room: Call("/chat/history", {"conversation_id": room.id}),
    ("GET", "/chat/changes"): lambda room: Call("/chat/changes", {"conversation_id": room.id}),
    ("GET", "/messages/{message_id}"): lambda room: Call(f"/messages/{room.first['id']}"),
    ("PATCH", "/messages/{message_id}"): lambda room: Call(f"/messages/{of_ben(room)}", body={"content": "hi"}),
    ("DELETE", "/messages/{message_id}"): lambda room: Call(f"/messages/{of_ben(room)}"),
    ("GET", "/conversations/{conversation_id}"): lambda room: Call(f"/conversations/{room.id}"),
    ("GET", "/conversations/{conversation_id}/members"): lambda room: Call(f"/conversations/{room.id}/members"),
    ("PATCH", "/conversations/{conversation_id}"): lambda room: Call(
        f"/conversations/{group_of_ben(room)}", body={"name": "best friends"}
    ),
    ("PUT", "/conversations/{conversation_id}/members/{user_id}"): lambda room: Call(
        f"/conversations/{group_of_ben(room)}/members/{room.cho.id}", body={}
    ),
    ("DELETE", "/conversations/{conversation_id}/members/{user_id}"): lambda room: Call(
        f"/conversations/{group_of_ben(room)}/members/{room.ann.id}"
    ),
    ("POST", "/conversations/{conversation_id}/read"): lambda room: Call(
        f"/conversations/{room.id}/read", body={"seq": 1}
    ),
    ("POST", "/conversations/{conversation_id}/typing"): lambda room: Call(f"/conversations/{room.id}/typing", body={}),
}
# These answer everybody, each with what is theirs.
OWN: Calls = {
    ("GET", "/messages"): lambda _: Call("/messages"),
    ("GET", "/search"): lambda room: Call("/search", {"q": room.first["content"]}),
    ("GET", "/conversations"): lambda _: Call("/conversations"),
    ("POST", "/conversations"): lambda room: Call("/conversations", body={"kind": "direct", "member": room.ben.id}),
    ("GET", "/presence"): lambda room: Call("/presence", {"ids": f"{room.ann.id},{room.ben.id}"}),
}
FOR_SERVICES: Calls = {
    ("POST", "/internal/presence"): lambda _: Call("/internal/presence", body={"changes": []}),
}
OF_OTHER_SERVICES = {
    "auth": [("GET", Call("/revocations"))],
    "websocket": [
        ("POST", Call("/deliver", body={"deliveries": []})),
        ("POST", Call("/disconnect", body={"session_id": "any"})),
        ("GET", Call("/online", {"ids": str(uuid4())})),
    ],
}


def test_every_route_of_chat_is_in_these_tables(stack: Stack) -> None:
    assert stack.contract("chat").operations == {*INSIDE, *OWN, *FOR_SERVICES}


@pytest.mark.parametrize("route", INSIDE, ids=" ".join)
def test_a_member_may_and_an_outsider_finds_nothing(room: Room, route: tuple[str, str]) -> None:
    call = INSIDE[route](room)

    refused = call.send(room.cho.chat, route[0])
    allowed = call.send(room.ben.chat, route[0])

    assert refused.status_code == 404, refused.text
    assert refused.json()["code"] in ("conversation_not_found", "message_not_found")
    assert room.id not in refused.text
    assert allowed.status_code < 300, allowed.text


def test_what_is_refused_looks_like_what_is_not_there(room: Room) -> None:
    nowhere = str(uuid4())

    outside = room.cho.chat.request("GET", f"/conversations/{room.id}")
    missing = room.cho.chat.request("GET", f"/conversations/{nowhere}")

    assert outside.json() == missing.json()
    assert outside.status_code == missing.status_code == 404


def test_an_outsider_leaves_no_trace(room: Room) -> None:
    calls = [(method, call(room)) for (method, _), call in INSIDE.items()]
    before = room.ann.conversation(room.id), room.ann.history(room.id)

    for method, call in calls:
        call.send(room.cho.chat, method)

    assert (room.ann.conversation(room.id), room.ann.history(room.id)) == before


def test_lists_show_everybody_their_own(room: Room) -> None:
    def ids(listed: Any) -> set[str]:
        return {conversation["id"] for conversation in listed["conversations"]}

    assert room.id in ids(OWN["GET", "/conversations"](room).send(room.ann.chat, "GET").json())
    assert room.id not in ids(OWN["GET", "/conversations"](room).send(room.cho.chat, "GET").json())
    assert OWN["GET", "/messages"](room).send(room.ann.chat, "GET").json()["messages"] == [room.first]
    assert OWN["GET", "/messages"](room).send(room.cho.chat, "GET").json()["messages"] == []
    find = OWN["GET", "/search"](room)
    found = eventually(lambda: find.send(room.ann.chat, "GET").json()["matches"], "what ann may find")
    assert [match["message"]["id"] for match in found or []] == [room.first["id"]]
    assert find.send(room.cho.chat, "GET").json()["matches"] == []
    assert OWN["GET", "/presence"](room).send(room.cho.chat, "GET").json() == {"presence": []}
    assert OWN["GET", "/presence"](room).send(room.ann.chat, "GET").json()["presence"] != []
    opened = OWN["POST", "/conversations"](room).send(room.cho.chat, "POST")
    assert (opened.status_code, opened.json()["id"] != room.id) == (201, True)
    assert OWN["POST", "/conversations"](room).send(room.ann.chat, "POST").json()["id"] == room.id


def test_another_conversations_message_cannot_be_replied_to(room: Room) -> None:
    refused = room.cho.try_to_send("about that", to=room.ann.id, reply_to=room.first["id"])
    allowed = room.ben.try_to_send("about that", to=room.ann.id, reply_to=room.first["id"])

    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")
    assert allowed.json()["reply_to"] == room.first["id"]


@pytest.mark.parametrize("token", [None, "not.a.token", "forged"])
def test_whoever_is_not_signed_in_gets_401_everywhere(room: Room, token: str | None) -> None:
    # One character changed in the middle of the signature.
    head, _, signature = room.ann.token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    forged = f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"
    http = room.stack.http("chat", forged if token == "forged" else token)

    for (method, path), call in {**INSIDE, **OWN, **FOR_SERVICES}.items():
        answer = call(room).send(http, method)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), f"{method} {path}"
    for path in ("/auth/session", "/users", f"/users/{room.ann.id}"):
        answer = room.stack.http("auth", http.token).request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), path


def test_routes_for_services_refuse_people(room: Room) -> None:
    service_token = room.stack.service_token
    called = [("chat", method, call(room)) for (method, _), call in FOR_SERVICES.items()]
    called += [(name, method, call) for name, calls in OF_OTHER_SERVICES.items() for method, call in calls]

    for name, method, call in called:
        for token in (None, room.ann.token, "x" * len(service_token), service_token[:-1]):
            refused = call.send(room.stack.http(name, token), method)
            assert refused.status_code == 401, f"{name} {method} {call.path}: {refused.text}"
        allowed = call.send(room.stack.http(name, service_token), method)
        assert allowed.status_code < 300, f"{name} {method} {call.path}: {allowed.text}"


def test_the_service_token_is_nobodys_session(room: Room) -> None:
    answer = INSIDE["GET", "/chat/history"](room).send(room.stack.http("chat", room.stack.service_token), "GET")

    assert answer.status_code == 401


def test_a_login_says_the_same_to_every_address(stack: Stack, ann: Person) -> None:
    auth = stack.http("auth")

    answers = [
        auth.request("POST", "/auth/login", json={"email": email})
        for email in (ann.email, "unknown@example.org", *["often@example.org"] * 7)
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    eventually(lambda: len(stack.backing.mails_to("often@example.org")) == 5, "five mails")
