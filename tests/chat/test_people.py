"""What chat makes of people whom auth renamed or deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.chat.relay.sweeper import Sweeper
from shared.errors import Unavailable
from tests.chat.conftest import ChatApp
from tests.people import Known


@pytest.fixture(autouse=True)
def ann_is_admin(app: ChatApp, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where id = %s", [app.ann.id])


def delete(app: ChatApp, who: Known) -> None:
    app.state.database.call("delete_user", caller=app.ann.id, user_id=who.id)


def sweep(app: ChatApp) -> None:
    """Delivers what auth queued, as the sweeper does each second."""
    app.drain()
    Sweeper(app.state.database, app.state.pusher).sweep()


def told(app: ChatApp) -> list[tuple[set[str], dict[str, Any]]]:
    return [
        (set(delivery["to"]), event["data"]["user"])
        for delivery in app.websocket.delivered
        for event in delivery["events"]
        if event["event"] == "user.changed"
    ]


def open_room(app: ChatApp) -> str:
    """ann's and ben's, with one message."""
    sent = app.send(app.ann, to=str(app.ben.id), content="hello")
    assert sent.status_code == 201
    return str(sent.get_json()["conversation_id"])


def test_a_new_name_reaches_those_who_share_a_conversation_and_no_other(app: ChatApp) -> None:
    open_room(app)
    app.state.database.call("update_user", caller=app.ben.id, user_id=app.ben.id, changes={"name": "Benjamin"})
    sweep(app)
    [(to, user)] = told(app)
    assert to == {str(app.ann.id), str(app.ben.id)}
    assert (user["id"], user["name"]) == (str(app.ben.id), "Benjamin")
    assert "email" not in user
    sweep(app)
    assert len(told(app)) == 1


def test_a_new_name_nobody_could_be_told_is_told_when_the_websocket_service_is_back(app: ChatApp) -> None:
    open_room(app)
    app.drain()
    app.state.database.call("update_user", caller=app.ben.id, user_id=app.ben.id, changes={"name": "Benjamin"})
    app.websocket.status = 503
    with pytest.raises(Unavailable):
        sweep(app)
    assert told(app) == []
    app.websocket.status = 202
    sweep(app)
    assert [user["name"] for _, user in told(app)] == ["Benjamin"]


def test_a_deletion_is_told_and_the_conversation_shows_it(app: ChatApp) -> None:
    room = open_room(app)
    delete(app, app.ben)
    sweep(app)
    [(to, user)] = told(app)
    assert str(app.ann.id) in to
    assert user["name"] == "Deleted user"
    shown = app.call(app.ann, "GET", f"/conversations/{room}").get_json()
    assert (shown["peer"]["name"], shown["member_count"]) == ("Deleted user", 2)
    history = app.call(app.ann, "GET", "/chat/history", query_string={"with": str(app.ben.id)}).get_json()
    assert [message["content"] for message in history["messages"]] == ["hello"]


def test_nobody_writes_to_somebody_deleted_and_a_resend_is_still_the_same_message(app: ChatApp) -> None:
    room = open_room(app)
    known = {"conversation_id": room, "content": "once", "id": str(uuid4())}
    assert app.send(app.ann, **known).status_code == 201
    delete(app, app.ben)
    assert app.send(app.ann, **known).status_code == 200
    refused = [
        app.send(app.ann, conversation_id=room, content="hello?"),
        app.send(app.ann, to=str(app.ben.id), content="hello?"),
        app.send(app.ann, to=app.ben.email, content="hello?"),
        app.send(app.cho, to=str(app.ben.id), content="hello?"),
        app.call(app.cho, "POST", "/conversations", json={"kind": "direct", "member": str(app.ben.id)}),
    ]
    assert {(answer.status_code, answer.get_json()["code"]) for answer in refused} == {(404, "user_not_found")}
    assert app.call(app.ann, "GET", f"/conversations/{room}").get_json()["last_seq"] == 3
    assert app.send(app.ann, to=str(app.cho.id), content="hello").status_code == 201


def test_whoever_was_deleted_reads_and_writes_nothing_with_an_old_token(app: ChatApp) -> None:
    room = open_room(app)
    delete(app, app.ben)
    for answer in (
        app.send(app.ben, conversation_id=room, content="still here"),
        app.call(app.ben, "GET", "/conversations"),
        app.call(app.ben, "GET", f"/conversations/{room}"),
        app.call(app.ben, "GET", "/chat/history", query_string={"conversation_id": room}),
        app.call(app.ben, "POST", f"/conversations/{room}/typing", json={}),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "account_unknown")


def test_an_address_that_came_back_is_somebody_else(app: ChatApp) -> None:
    room = open_room(app)
    delete(app, app.ben)
    again = Known(uuid4(), "Ben", app.ben.email)
    made = {"user_id": again.id, "email": again.email, "name": again.name, "is_admin": False}
    app.state.database.call("create_user", caller=app.ann.id, **made)
    sent = app.send(app.ann, to=app.ben.email, content="hello")
    assert sent.status_code == 201
    assert UUID(sent.get_json()["conversation_id"]) != UUID(room)
    assert app.call(again, "GET", f"/conversations/{room}").status_code == 404
