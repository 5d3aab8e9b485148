"""Sending and reading through chat's HTTP."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from services.chat.relay.pusher import Push
from services.chat.relay.sweeper import Sweeper
from shared.errors import Unavailable
from tests.chat.conftest import SERVICE_TOKEN, ChatApp


def test_a_first_message_to_a_person_opens_the_conversation_and_tells_both(app: ChatApp) -> None:
    answer = app.send(app.ann, to=str(app.ben.id), content="hello")
    assert answer.status_code == 201
    message = answer.get_json()
    assert (message["content"], message["seq"], message["sender_id"]) == ("hello", 2, str(app.ann.id))
    app.drain()
    assert [event for event, _ in app.websocket.events] == ["conversation.created", "message.sent"]
    assert app.websocket.events[1][1] == {
        "conversation_id": message["conversation_id"],
        "seq": 2,
        "message": message,
    }
    assert {user for one in app.websocket.delivered for user in one["to"]} == {str(app.ann.id), str(app.ben.id)}


def test_what_was_pushed_leaves_the_outbox(app: ChatApp) -> None:
    app.send(app.ann, to="ben@example.org", content="hello")
    assert app.state.database.call("measure_outbox")["waiting"] == 2
    app.drain()
    assert app.state.database.call("measure_outbox")["waiting"] == 0


def test_a_push_names_the_request_that_caused_it(app: ChatApp) -> None:
    app.call(
        app.ann,
        "POST",
        "/chat/send",
        json={"to": str(app.ben.id), "content": "hello"},
        headers={"X-Request-Id": "request-of-ann"},
    )
    app.drain()
    assert {one["request_id"] for one in app.websocket.delivered} == {"request-of-ann"}


def test_messages_is_another_name_for_send(app: ChatApp) -> None:
    answer = app.call(app.ann, "POST", "/messages", json={"to": str(app.ben.id), "content": "hi"})
    assert answer.status_code == 201


def test_a_resend_answers_200_with_the_same_message(app: ChatApp) -> None:
    body = {"to": str(app.ben.id), "content": "once", "id": str(uuid4())}
    first, again = app.send(app.ann, **body), app.send(app.ann, **body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    app.drain()
    assert len(app.websocket.events) == 2  # conversation.created, and one message.sent


def test_a_taken_id_is_a_conflict(app: ChatApp) -> None:
    taken = str(uuid4())
    app.send(app.ann, to=str(app.ben.id), content="once", id=taken)
    by_me = app.send(app.ann, to=str(app.ben.id), content="else", id=taken)
    by_other = app.send(app.ben, to=str(app.ann.id), content="once", id=taken)
    assert [(one.status_code, one.get_json()["code"]) for one in (by_me, by_other)] == [(409, "message_id_taken")] * 2


def test_history_shows_what_was_sent_to_both_and_nothing_to_an_outsider(app: ChatApp) -> None:
    sent = app.send(app.ann, to=str(app.ben.id), content="hello").get_json()
    conversation_id = sent["conversation_id"]
    for who, other in ((app.ann, app.ben), (app.ben, app.ann)):
        page = app.call(who, "GET", f"/chat/history?with={other.id}").get_json()
        assert page["messages"] == [sent]
    refused = app.call(app.cho, "GET", f"/chat/history?conversation_id={conversation_id}")
    assert (refused.status_code, refused.get_json()["code"]) == (404, "conversation_not_found")
    assert app.call(app.cho, "GET", f"/messages/{sent['id']}").status_code == 404
    assert app.call(app.ben, "GET", f"/messages/{sent['id']}").get_json() == sent
    assert app.send(app.cho, conversation_id=conversation_id, content="let me in").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        "x",
        " x\n",
        "😀" * 8000,
        "a" * 8000,
        "مرحبا \u202eabc",
        "e\u0301",
        "a\u2028b",
        "<img src=x onerror=alert(1)>",
        "\\u0000",
    ],
)
def test_content_comes_back_exactly_as_sent(app: ChatApp, content: str) -> None:
    sent = app.send(app.ann, to=str(app.ben.id), content=content)
    assert sent.status_code == 201
    page = app.call(app.ben, "GET", f"/chat/history?with={app.ann.id}").get_json()
    assert page["messages"][-1]["content"] == content


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"to": "BEN", "content": ""}, 422),
        ({"to": "BEN", "content": " \n\t\u3000"}, 422),
        ({"to": "BEN", "content": "a" * 8001}, 422),
        ({"to": "BEN", "content": "a\x00b"}, 422),
        ({"to": "BEN", "content": 7}, 422),
        ({"to": "BEN", "content": None}, 422),
        ({"to": "BEN"}, 422),
        ({"content": "hello"}, 422),
        ({"to": "BEN", "conversation_id": str(uuid4()), "content": "hello"}, 422),
        ({"to": "BEN", "content": "hello", "id": "7"}, 422),
        ({"to": "BEN", "content": "hello", "id": 7}, 422),
        ({"to": "ANN", "content": "hello"}, 422),
        ({"to": "x" * 400, "content": "hello"}, 422),
        ({"to": str(uuid4()), "content": "hello"}, 404),
        ({"to": "nobody@example.org", "content": "hello"}, 404),
        ({"conversation_id": str(uuid4()), "content": "hello"}, 404),
        ({"to": "BEN", "content": "hello", "reply_to": str(uuid4())}, 404),
        ({"to": "BEN", "content": "hello", "attachments": [str(uuid4())]}, 404),
    ],
)
def test_a_bad_message_is_refused_and_nothing_is_stored(app: ChatApp, body: dict[str, Any], status: int) -> None:
    people = {"BEN": str(app.ben.id), "ANN": str(app.ann.id)}
    answer = app.send(app.ann, **{**body, **({"to": people.get(body["to"], body["to"])} if "to" in body else {})})
    assert answer.status_code == status
    assert set(answer.get_json()) >= {"code", "message"}
    assert app.call(app.ann, "GET", f"/chat/history?with={app.ben.id}").get_json()["messages"] == []


@pytest.mark.parametrize(
    ("data", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_json"),
        (b"", "application/json", 400, "bad_json"),
        (b'{"to":"\xff"}', "application/json", 400, "bad_json"),
        (b'{"to":"a","content":"\\ud800"}', "application/json", 400, "bad_json"),
        (b"[]", "application/json", 422, "malformed"),
        (b"null", "application/json", 422, "malformed"),
        (b'"{}"', "application/json", 422, "malformed"),
        (b'{"to":"a","content":"b"}', "text/plain", 415, "wrong_media_type"),
        (b"to=a&content=b", "application/x-www-form-urlencoded", 415, "wrong_media_type"),
        (b'{"content":"' + b"a" * 1_000_000 + b'"}', "application/json", 413, "too_large"),
    ],
)
def test_a_bad_body_gets_an_error_of_the_contract(
    app: ChatApp, data: bytes, content_type: str, status: int, code: str
) -> None:
    answer = app.call(app.ann, "POST", "/chat/send", data=data, content_type=content_type)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("with=7", 422),
        ("with={ben}&conversation_id={ben}", 422),
        ("with={ben}&limit=0", 422),
        ("with={ben}&limit=201", 422),
        ("with={ben}&before=-1", 422),
        ("with={ben}&before=99999999999999999999", 422),
        ("with={ben}&before=1%00", 422),
        ("with={ben}&limit=200", 200),
    ],
)
def test_a_history_query_is_checked(app: ChatApp, query: str, status: int) -> None:
    answer = app.call(app.ann, "GET", "/chat/history?" + query.format(ben=app.ben.id))
    assert answer.status_code == status


def test_changes_are_what_the_events_said(app: ChatApp) -> None:
    sent = app.send(app.ann, to=str(app.ben.id), content="hello").get_json()
    app.drain()
    changes = app.call(app.ben, "GET", f"/chat/changes?conversation_id={sent['conversation_id']}&after=1").get_json()
    [(name, data)] = app.websocket.events[1:]
    assert changes == {"events": [{"seq": 2, "event": name, "data": data}], "last_seq": 2, "reset": False}
    refused = app.call(app.cho, "GET", f"/chat/changes?conversation_id={sent['conversation_id']}&after=1")
    assert refused.status_code == 404


def test_with_the_websocket_service_away_sending_goes_on_and_the_event_waits(app: ChatApp) -> None:
    app.websocket.status = 503
    assert app.send(app.ann, to=str(app.ben.id), content="hello").status_code == 201
    with pytest.raises(Exception, match="not answering"):
        app.drain()
    app.websocket.status = 202
    waiting = app.state.database.call("take_outbox", page_limit=9)
    assert [row["event"] for row in waiting] == ["conversation.created", "message.sent"]


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_of_chat_itself_gives_no_event_up(app: ChatApp, status: int) -> None:
    app.websocket.status = status
    app.send(app.ann, to=str(app.ben.id), content="hello")
    with pytest.raises(Unavailable):
        app.drain()
    for _ in range(6):
        overdue = app.state.database.call("take_outbox", page_limit=9)
        with pytest.raises(Unavailable):
            app.state.pusher.deliver([Push.from_delivery(row) for row in overdue])
    app.websocket.status = 202
    assert [row["event"] for row in app.state.database.call("take_outbox", page_limit=9)] == [
        "conversation.created",
        "message.sent",
    ]


def test_a_batch_that_is_too_much_is_swept_in_smaller_ones(app: ChatApp) -> None:
    sent = [app.send(app.ann, to=str(app.ben.id), content=f"number {number}").get_json() for number in range(10)]
    app.websocket.most = 3
    with pytest.raises(Unavailable):
        app.drain()
    sweeper = Sweeper(app.state.database, app.state.pusher)
    with pytest.raises(Unavailable):
        sweeper.sweep()  # 11, then 5, then 2
    with pytest.raises(Unavailable):
        sweeper.sweep()
    assert sweeper.sweep() == 2
    app.websocket.most = 1_000
    while sweeper.sweep():
        pass
    told = [data["message"] for event, data in app.websocket.events if event == "message.sent"]
    assert sorted(told, key=lambda message: int(message["seq"])) == sent  # each once; released ones come later


def test_one_refused_event_does_not_hold_up_the_others(app: ChatApp) -> None:
    app.websocket.refused_event = "conversation.created"
    app.send(app.ann, to=str(app.ben.id), content="hello")
    app.drain()
    assert [event for event, _ in app.websocket.events] == ["message.sent"]
    assert app.state.database.call("measure_outbox") | {"oldest_seconds": 0} == {
        "waiting": 1,
        "parked": 0,
        "oldest_seconds": 0,
    }


def test_anonymous_callers_and_forged_tokens_are_refused_everywhere(app: ChatApp) -> None:
    routes = [
        (re.sub(r"<uuid:\w+>", lambda _: str(uuid4()), rule.rule), method)
        for rule in app.client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"))
    ]
    assert len(routes) >= 18
    forged = app.signer.__class__().token(app.ann.id)
    for path, method in routes:
        for headers in ({}, {"Authorization": f"Bearer {forged}"}, {"Authorization": "Bearer x"}):
            answer = app.client.open(path, method=method, headers=headers)
            assert (path, answer.status_code, answer.get_json()["code"]) == (path, 401, "not_authenticated")


def test_a_service_route_refuses_people_and_a_persons_route_the_service_token(app: ChatApp) -> None:
    assert app.call(app.ann, "POST", "/internal/presence", json={"changes": []}).status_code == 401
    service = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    assert app.client.get("/conversations", headers=service).status_code == 401
    assert app.client.post("/internal/presence", json={"changes": []}, headers=service).status_code == 202


def test_a_valid_token_without_an_account_is_told_so(app: ChatApp) -> None:
    token = app.signer.token(uuid4())
    answer = app.client.get("/conversations", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "account_unknown")
