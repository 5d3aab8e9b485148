"""Tokens: how long a socket lives on them, how they are renewed, and how fast they stop."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import socketio

from tests.system.conftest import Room
from tests.system.http import Http
from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = pytest.mark.system

REVOKED_WITHIN_SECONDS = 10.0  # 2 s are promised; the rest is for a busy machine


def is_refused(http: Http, path: str) -> bool:
    """By every process behind that address: each new connection may land on another one."""
    answers = [http.request("GET", path, headers={"Connection": "close"}) for _ in range(10)]
    return all(answer.status_code == 401 for answer in answers)


def is_shut_out(person: Person, *transports: str) -> bool:
    """Whether websocket refuses the person's token, in the contract's words."""
    device = person.make_device(*transports)
    try:
        device.connect()
    except socketio.exceptions.ConnectionError:
        refusal = device.refused[0]
        return (refusal["message"], refusal["data"]["code"], device.connects) == ("unauthorized", "unauthorized", 0)
    device.close()
    return False


def check_it_stops(person: Person, since: float) -> None:
    """The access token stops working everywhere, in time."""
    for http, path in ((person.chat, "/conversations"), (person.auth, "/auth/session")):
        left = REVOKED_WITHIN_SECONDS - (time.monotonic() - since)
        eventually(lambda h=http, p=path: is_refused(h, p), f"401 of {path}", left)  # type: ignore[misc]
    left = REVOKED_WITHIN_SECONDS - (time.monotonic() - since)
    eventually(lambda: is_shut_out(person), "a socket refused", left)


def test_signing_out_closes_the_sockets_and_stops_the_tokens(room: Room) -> None:
    elsewhere = room.ann.connect("polling")
    device, others = room.ann.connect(), room.ben.connect()
    kept = room.ann.refresh_token

    room.ann.sign_out()
    since = time.monotonic()

    for ending in (device, elsewhere):
        ended = ending.wait_for("session.ended")
        assert ended["reason"] == "signed_out"
        eventually(lambda e=ending: not e.client.connected, "the socket being closed")  # type: ignore[misc]
    check_it_stops(room.ann, since)
    refused = room.ann.auth.request("POST", "/auth/refresh", json={"refresh_token": kept})
    assert refused.status_code == 401
    assert others.client.connected
    assert others.events("session.ended") == []


def test_signing_out_here_leaves_the_other_sessions_alone(stack: Stack) -> None:
    email = "two.sessions@example.org"
    here, there = stack.sign_in_as(email), stack.sign_in_as(email)
    device, kept = here.connect(), there.connect()

    here.sign_out()
    device.wait_for("session.ended")
    check_it_stops(here, time.monotonic())

    assert kept.client.connected
    assert kept.events("session.ended") == []
    assert there.conversations() == []


def test_signing_out_everywhere_ends_all_sessions(stack: Stack) -> None:
    email = "all.sessions@example.org"
    here, there = stack.sign_in_as(email), stack.sign_in_as(email)
    device = there.connect()

    here.sign_out("global")
    since = time.monotonic()

    assert device.wait_for("session.ended")["reason"] == "signed_out"
    check_it_stops(there, since)
    check_it_stops(here, time.monotonic())
    assert stack.confirm(stack.mail_link(email)["token_hash"])["user"]["email"] == email


def test_whoever_is_not_signed_in_gets_no_socket(room: Room) -> None:
    assert not is_shut_out(room.ann)
    room.ann.token = "not.a.token"

    for transport in ("websocket", "polling"):
        assert is_shut_out(room.ann, transport)


def test_a_fresh_token_of_the_same_person_keeps_the_socket(room: Room) -> None:
    device = room.ben.connect()

    fresh = room.ben.refresh()
    mine = device.client.call("authenticate", {"token": fresh["access_token"]}, timeout=30)
    another = device.client.call("authenticate", {"token": room.cho.token}, timeout=30)
    nonsense = [device.client.call("authenticate", data, timeout=30) for data in ({"token": "x"}, {}, "x", None)]

    assert (mine["ok"], mine["expires_at"]) == (True, fresh["expires_at"])
    assert another["code"] == "unauthorized"
    assert all("code" in answer for answer in nonsense)
    message = room.ann.send("still there", conversation_id=room.id)
    device.wait_for_message(message)
    assert device.connects == 1


@pytest.fixture
def hasty(stack: Stack) -> Iterator[tuple[Person, Person]]:
    """ann and ben, whose first access tokens live for ten seconds."""
    with stack.backing.short_tokens(10) as settings:
        auth = stack.another(stack.auth, "hasty_auth", **settings)
        auth.start()
        auth.wait_until_ready()
        ann, ben = stack.sign_in("ann", at="hasty_auth"), stack.sign_in("ben", at="hasty_auth")
    yield ann, ben
    auth.stop()


def test_a_socket_ends_with_its_token_unless_a_fresh_one_comes(stack: Stack, hasty: tuple[Person, Person]) -> None:
    ann, ben = hasty
    renewing, idle = ann.connect(), ben.connect()

    for device in (renewing, idle):
        assert device.wait_for("session.expiring").keys() == {"expires_at"}
    session = stack.http("auth").post("/auth/refresh", {"refresh_token": ann.refresh_token})
    assert renewing.client.call("authenticate", {"token": session["access_token"]}, timeout=30)["ok"] is True
    ann.keep(session)

    assert idle.wait_for("session.ended")["reason"] == "expired"
    eventually(lambda: not idle.client.connected, "the socket being closed")
    refused = ben.chat.request("GET", "/conversations")
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    ann.send("I stay", to=ben.id)
    renewing.wait_for("message.sent")
    assert (renewing.connects, renewing.events("session.ended")) == (1, [])


def test_a_refresh_token_used_again_much_later_ends_the_session(stack: Stack, ann: Person) -> None:
    spent = ann.refresh_token
    ann.refresh()
    second = ann.refresh_token

    at_once = ann.auth.request("POST", "/auth/refresh", json={"refresh_token": spent})
    ann.auth.post("/auth/refresh", {"refresh_token": second})
    with stack.backing.spent_tokens_aged(11):
        late = ann.auth.request("POST", "/auth/refresh", json={"refresh_token": spent})

    assert at_once.status_code == 200
    assert late.status_code == 401
    check_it_stops(ann, time.monotonic())
