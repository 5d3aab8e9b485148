"""Editing and deleting through chat's HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.api import check_shape
from shared.wire import EVENTS
from tests.chat.conftest import ChatApp


@pytest.fixture
def sent(app: ChatApp) -> dict[str, Any]:
    """ann's message to ben."""
    message: dict[str, Any] = app.send(app.ann, to=str(app.ben.id), content="helo").get_json()
    app.drain()
    app.websocket.delivered.clear()
    return message


def told(app: ChatApp) -> list[tuple[str, dict[str, Any]]]:
    app.drain()
    pushed = app.websocket.events
    for event, data in pushed:
        check_shape(EVENTS[event], data)
    return pushed


def test_an_edit_is_told_to_both_and_seen_everywhere(app: ChatApp, sent: dict[str, Any]) -> None:
    answer = app.call(app.ann, "PATCH", f"/messages/{sent['id']}", json={"content": "hello"})
    message = answer.get_json()
    assert answer.status_code == 200
    assert (message["content"], message["seq"], message["changed_seq"]) == ("hello", 2, 3)
    assert message["edited_at"] > sent["created_at"]
    place = {"conversation_id": sent["conversation_id"]}
    assert told(app) == [("message.edited", {**place, "seq": 3, "message": message})]
    assert set(app.websocket.delivered[0]["to"]) == {str(app.ann.id), str(app.ben.id)}
    assert app.state.database.call("measure_outbox")["waiting"] == 0
    history = app.call(app.ben, "GET", f"/chat/history?with={app.ann.id}").get_json()
    assert (history["messages"], history["last_seq"]) == ([message], 3)
    changes = app.call(app.ben, "GET", "/chat/changes", query_string={**place, "after": 2}).get_json()
    assert changes["events"] == [{"seq": 3, "event": "message.edited", "data": told(app)[0][1]}]
    [listed] = app.call(app.ben, "GET", "/conversations").get_json()["conversations"]
    assert listed["last_message"] == message


def test_a_deletion_leaves_a_tombstone_everywhere(app: ChatApp, sent: dict[str, Any]) -> None:
    answer = app.call(app.ann, "DELETE", f"/messages/{sent['id']}")
    message = answer.get_json()
    assert (answer.status_code, message["content"]) == (200, None)
    assert message == {**sent, "content": None, "changed_seq": 3, "deleted_at": message["deleted_at"]}
    assert [(event, data["message"]) for event, data in told(app)] == [("message.deleted", message)]
    assert app.call(app.ben, "GET", f"/messages/{sent['id']}").get_json() == message
    assert app.call(app.ben, "GET", "/messages").get_json()["messages"] == [message]
    [listed] = app.call(app.ben, "GET", "/conversations").get_json()["conversations"]
    assert (listed["last_message"], listed["unread"]) == (message, 0)


def test_repeats_change_nothing(app: ChatApp, sent: dict[str, Any]) -> None:
    path = f"/messages/{sent['id']}"
    edits = [app.call(app.ann, "PATCH", path, json={"content": "hello"}) for _ in range(2)]
    assert edits[0].get_json() == edits[1].get_json()
    deletions = [app.call(app.ann, "DELETE", path) for _ in range(2)]
    assert deletions[0].get_json() == deletions[1].get_json()
    assert [event for event, _ in told(app)] == ["message.edited", "message.deleted"]
    too_late = app.call(app.ann, "PATCH", path, json={"content": "hello"})
    assert (too_late.status_code, too_late.get_json()["code"]) == (409, "message_deleted")


def test_only_ones_own_messages_change(app: ChatApp, sent: dict[str, Any]) -> None:
    path, edit = f"/messages/{sent['id']}", {"json": {"content": "mine"}}
    for method, arguments in (("PATCH", edit), ("DELETE", {})):
        by_ben = app.call(app.ben, method, path, **arguments)
        assert (by_ben.status_code, by_ben.get_json()["code"]) == (403, "not_allowed")
        by_cho, nowhere = (app.call(app.cho, method, one, **arguments) for one in (path, f"/messages/{uuid4()}"))
        assert (by_cho.status_code, by_cho.get_json()["code"]) == (404, "message_not_found")
        assert by_cho.get_json() == nowhere.get_json()
        by_nobody = app.call(None, method, path, **arguments)
        assert (by_nobody.status_code, by_nobody.get_json()["code"]) == (401, "not_authenticated")
    assert told(app) == []
    assert app.call(app.ben, "GET", path).get_json() == sent


def test_an_owner_deletes_what_others_said_in_the_group(app: ChatApp) -> None:
    body = {"kind": "group", "name": "friends", "members": [str(app.ben.id), str(app.cho.id)]}
    group_id = app.call(app.ann, "POST", "/conversations", json=body).get_json()["id"]
    said = app.send(app.ben, conversation_id=group_id, content="hello").get_json()
    path = f"/messages/{said['id']}"
    assert app.call(app.cho, "DELETE", path).status_code == 403
    assert app.call(app.ann, "PATCH", path, json={"content": "bye"}).status_code == 403
    assert app.call(app.ann, "DELETE", path).get_json()["content"] is None


def test_an_edit_says_something_and_is_kept_exactly_as_sent(app: ChatApp, sent: dict[str, Any]) -> None:
    path = f"/messages/{sent['id']}"
    wrong: list[Any] = ["", " \n", None, 7, "a" * 8_001, "a\x00b"]
    for body in ({}, *({"content": content} for content in wrong)):
        answer = app.call(app.ann, "PATCH", path, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed"), body
    for content in ("a" * 8_000, "😀" * 8_000, " x\n", "<b>", "\\u0000"):
        assert app.call(app.ann, "PATCH", path, json={"content": content}).status_code == 200
        assert app.call(app.ben, "GET", path).get_json()["content"] == content


def test_a_resend_after_an_edit_or_a_deletion_is_no_second_message(app: ChatApp) -> None:
    body = {"to": str(app.ben.id), "content": "helo", "id": str(uuid4())}
    app.send(app.ann, **body)
    edited = app.call(app.ann, "PATCH", f"/messages/{body['id']}", json={"content": "hello"}).get_json()
    again = app.send(app.ann, **body)
    assert (again.status_code, again.get_json()) == (200, edited)
    gone = app.call(app.ann, "DELETE", f"/messages/{body['id']}").get_json()
    again = app.send(app.ann, **body)
    assert (again.status_code, again.get_json()) == (200, gone)
