"""A connection lasts no longer than its session: expiring, authenticate, expired, signed out, disconnect."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial

import pytest

from tests.websocket.clients import Client
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until

Connect = Callable[..., Client]
SIGNED_OUT = {"reason": "signed_out", "reconnect": False}


def ended(client: Client) -> bool:
    return not client.io.connected


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_session_expires_with_its_token_after_a_warning(
    connect: Connect, neighbours: Neighbours, ann: str, transport: str
) -> None:
    client = connect(neighbours.sign(ann, seconds=6), transports=[transport], reconnect=True)
    expiring = client.wait_for("session.expiring")
    assert list(expiring[0]) == ["expires_at"]
    assert client.wait_for("session.ended") == [{"reason": "expired", "reconnect": False}]
    wait_until(lambda: ended(client), what="the namespace is disconnected")
    assert client.connects == 1  # a server's disconnect: stock clients do not come back by themselves
    assert len(client.of("session.expiring")) == 1


def test_long_before_its_end_a_session_is_not_warned(connect: Connect, neighbours: Neighbours, ann: str) -> None:
    far, near = (connect(neighbours.sign(ann, seconds=seconds)) for seconds in (60, 25))
    near.wait_for("session.expiring")
    assert far.of("session.expiring") == []


def test_a_fresh_token_of_the_same_person_keeps_the_connection(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    end = time.time() + 6
    client = connect(neighbours.sign(ann, seconds=6, session_id="old"))
    client.wait_for("session.expiring")
    answer = client.io.call("authenticate", {"token": neighbours.sign(ann, seconds=900)}, timeout=10)
    assert answer["ok"] is True
    assert answer["expires_at"].endswith("Z")
    wait_until(lambda: time.time() > end + 1.5, what="well past the first token's end")
    service.deliver([ann], ("resync", {}))
    client.wait_for("resync")
    assert client.of("session.ended") == []


def test_a_fresh_token_of_another_person_is_refused_and_changes_nothing(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, ben: str
) -> None:
    client = connect(neighbours.sign(ann))
    answer = client.io.call("authenticate", {"token": neighbours.sign(ben)}, timeout=10)
    assert answer["code"] == "unauthorized"
    service.deliver([ben], ("typing", {}))
    service.deliver([ann], ("resync", {}))
    client.wait_for("resync")
    assert client.of("typing") == []


@pytest.mark.parametrize("token", ["garbage", ""])
def test_a_token_that_is_none_does_not_renew(connect: Connect, neighbours: Neighbours, ann: str, token: str) -> None:
    client = connect(neighbours.sign(ann))
    assert client.io.call("authenticate", {"token": token}, timeout=10)["code"] == "unauthorized"
    assert client.io.connected


@pytest.mark.parametrize("data", [None, "token", {"token": 7}, {}, [], ({"token": "a"}, "b"), ()])
def test_an_authenticate_of_the_wrong_shape_is_answered(
    connect: Connect, neighbours: Neighbours, ann: str, data: object
) -> None:
    client = connect(neighbours.sign(ann))
    assert client.io.call("authenticate", data, timeout=10)["code"] in ("malformed", "unauthorized")
    assert client.io.connected


@pytest.mark.parametrize("event", ["message.sent", "connect", "disconnect", "subscribe"])
def test_other_events_are_ignored_and_say_so_when_asked(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, event: str
) -> None:
    client = connect(neighbours.sign(ann))
    assert client.io.call(event, {"token": neighbours.sign(ann)}, timeout=10)["code"] == "unknown_event"
    client.io.emit(event, {"x": 1})
    service.deliver([ann], ("resync", {}))
    client.wait_for("resync")


def test_disconnecting_a_session_ends_its_clients_and_no_others(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    session_id = str(uuid.uuid4())
    phone, tab = (connect(neighbours.sign(ann, session_id=session_id), reconnect=True) for _ in range(2))
    laptop = connect(neighbours.sign(ann))
    answer = service.post("/disconnect", {"session_id": session_id})
    assert (answer.status_code, answer.json()) == (202, {"disconnected": 2})
    for client in (phone, tab):
        assert client.wait_for("session.ended") == [SIGNED_OUT]
        wait_until(partial(ended, client))
        assert client.connects == 1
    service.deliver([ann], ("resync", {}))
    laptop.wait_for("resync")
    assert phone.of("resync") == []


def test_disconnecting_a_person_ends_all_their_clients_and_nobody_elses(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, ben: str
) -> None:
    anns = [connect(neighbours.sign(ann)) for _ in range(2)]
    bens = connect(neighbours.sign(ben))
    assert service.post("/disconnect", {"user_id": ann}).json() == {"disconnected": 2}
    for client in anns:
        assert client.wait_for("session.ended") == [SIGNED_OUT]
    assert bens.io.connected
    assert service.post("/disconnect", {"user_id": ann}).json() == {"disconnected": 0}


@pytest.mark.parametrize("body", [{}, {"session_id": "a", "user_id": str(uuid.uuid4())}, {"user_id": "ann"}, []])
def test_a_disconnect_that_names_nobody_is_refused(service: Service, body: object) -> None:
    assert service.post("/disconnect", body).status_code == 422


def test_a_renewed_client_belongs_to_its_new_session(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    old, new = str(uuid.uuid4()), str(uuid.uuid4())
    client = connect(neighbours.sign(ann, session_id=old))
    client.io.call("authenticate", {"token": neighbours.sign(ann, session_id=new)}, timeout=10)
    assert service.post("/disconnect", {"session_id": old}).json() == {"disconnected": 0}
    assert service.post("/disconnect", {"session_id": new}).json() == {"disconnected": 1}


def test_a_revoked_session_ends_within_two_seconds_without_being_asked(
    connect: Connect, neighbours: Neighbours, ann: str, ben: str
) -> None:
    session_id = str(uuid.uuid4())
    gone, other = connect(neighbours.sign(ann, session_id=session_id)), connect(neighbours.sign(ann))
    deleted = connect(neighbours.sign(ben))
    neighbours.revoke(session_id=session_id)
    neighbours.revoke(user_id=ben)
    began = time.monotonic()
    assert gone.wait_for("session.ended") == [SIGNED_OUT]
    assert deleted.wait_for("session.ended") == [SIGNED_OUT]
    assert time.monotonic() - began < 15  # 2 s are promised; the rest is for a busy machine
    assert other.io.connected
