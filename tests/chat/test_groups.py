"""Groups through chat's HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from shared.api import check_shape
from shared.wire import EVENTS
from tests.chat.conftest import ChatApp
from tests.people import Known


def open_group(app: ChatApp, owner: Known, *members: Known, **changed: Any) -> TestResponse:
    body = {"kind": "group", "name": "friends", "members": [str(person.id) for person in members], **changed}
    return app.call(owner, "POST", "/conversations", json=body)


@pytest.fixture
def group_id(app: ChatApp) -> str:
    """ann owns it, ben is in it, cho is outside."""
    opened: str = open_group(app, app.ann, app.ben).get_json()["id"]
    told(app)
    return opened


def member_path(group_id: str, person: Known) -> str:
    return f"/conversations/{group_id}/members/{person.id}"


def told(app: ChatApp) -> list[tuple[str, dict[str, Any], set[str]]]:
    """What was pushed since the last look, each event held against its schema: (event, data, to)."""
    app.drain()
    pushed = [(one["events"][0]["event"], one["events"][0]["data"], set(one["to"])) for one in app.websocket.delivered]
    app.websocket.delivered.clear()
    for event, data, _ in pushed:
        check_shape(EVENTS[event], data)
    return pushed


def ids(*people: Known) -> set[str]:
    return {str(person.id) for person in people}


def codes(*answers: TestResponse) -> list[tuple[int, str]]:
    return [(answer.status_code, answer.get_json()["code"]) for answer in answers]


def test_a_group_is_made_once_and_told_to_all_of_it(app: ChatApp) -> None:
    chosen = str(uuid4())
    made = open_group(app, app.ann, app.ben, id=chosen, name="  friends ")
    again = open_group(app, app.ann, app.ben, id=chosen)
    assert (made.status_code, again.status_code, again.get_json()) == (201, 200, made.get_json())
    assert (made.get_json()["id"], made.get_json()["name"]) == (chosen, "friends")
    [(event, data, to)] = told(app)
    assert (event, data["seq"], to) == ("conversation.created", 1, ids(app.ann, app.ben))
    assert data["conversation"]["owner_ids"] == [str(app.ann.id)]
    assert app.call(app.ben, "GET", f"/conversations/{chosen}").get_json()["name"] == "friends"
    assert codes(app.call(app.cho, "GET", f"/conversations/{chosen}")) == [(404, "conversation_not_found")]
    assert codes(open_group(app, app.ann, app.ben, app.cho, id=chosen)) == [(409, "conversation_id_taken")]
    assert app.state.database.call("measure_outbox")["waiting"] == 0


def test_people_who_are_not_there_are_named(app: ChatApp) -> None:
    nobody = str(uuid4())
    answer = open_group(app, app.ann, app.ben, members=[str(app.ben.id), nobody])
    assert codes(answer) == [(404, "user_not_found")]
    assert answer.get_json()["user_ids"] == [nobody]
    assert app.call(app.ann, "GET", "/conversations").get_json()["conversations"] == []


MALFORMED: list[dict[str, Any]] = [
    {"name": None},
    {"name": ""},
    {"name": " \n"},
    {"name": "n" * 81},
    {"name": "a\u202eb"},
    {"name": "a\nb"},
    {"name": 7},
    {"members": None},
    {"members": "all"},
    {"members": ["ben"]},
    {"members": [7]},
    {"members": ["00000000-0000-4000-8000-000000000000"] * 5_001},
    {"id": "mine"},
    {"kind": "channel"},
    {"kind": "direct"},
]


def test_a_malformed_group_is_not_made(app: ChatApp) -> None:
    for changed in MALFORMED:
        answer = open_group(app, app.ann, app.ben, **changed)
        assert codes(answer) == [(422, "malformed")], changed
        assert answer.get_json()["fields"]
    assert app.call(app.ann, "GET", "/conversations").get_json()["conversations"] == []


def test_a_group_reads_like_any_conversation(app: ChatApp, group_id: str) -> None:
    sent = app.send(app.ben, conversation_id=group_id, content="hello all")
    assert sent.status_code == 201
    [listed] = app.call(app.ann, "GET", "/conversations").get_json()["conversations"]
    assert (listed["kind"], listed["unread"], listed["last_message"]) == ("group", 1, sent.get_json())
    page = app.call(app.ann, "GET", f"/chat/history?conversation_id={group_id}").get_json()
    assert page["messages"] == [sent.get_json()]
    assert app.send(app.cho, conversation_id=group_id, content="let me in").status_code == 404


def test_an_owner_renames_it_and_nobody_else(app: ChatApp, group_id: str) -> None:
    path = f"/conversations/{group_id}"
    by_ben, by_cho = (app.call(who, "PATCH", path, json={"name": "mine"}) for who in (app.ben, app.cho))
    assert codes(by_ben, by_cho) == [(403, "not_allowed"), (404, "conversation_not_found")]
    assert told(app) == []
    renamed = app.call(app.ann, "PATCH", path, json={"name": " best friends "})
    assert (renamed.status_code, renamed.get_json()["name"]) == (200, "best friends")
    [(event, data, to)] = told(app)
    assert (event, data["seq"], data["conversation"]["name"]) == ("conversation.changed", 2, "best friends")
    assert to == ids(app.ann, app.ben)
    assert app.call(app.ann, "PATCH", path, json={"name": "best friends"}).status_code == 200
    assert told(app) == []
    for wrong in ({}, {"name": ""}, {"name": None}, {"name": "a\x00b"}):
        assert codes(app.call(app.ann, "PATCH", path, json=wrong)) == [(422, "malformed")]


def test_an_owner_takes_people_in_and_out_and_nobody_else(app: ChatApp, group_id: str) -> None:
    path = member_path(group_id, app.cho)
    refused = [app.call(who, method, path) for method in ("PUT", "DELETE") for who in (app.ben, app.cho)]
    assert codes(*refused) == [(403, "not_allowed"), (404, "conversation_not_found")] * 2
    joined = app.call(app.ann, "PUT", path)
    assert (joined.status_code, joined.get_json()["user"]["name"], joined.get_json()["role"]) == (200, "Cho", "member")
    assert app.call(app.ann, "PUT", path).get_json() == joined.get_json()
    [(event, data, to)] = told(app)
    assert (event, data["user"]["name"], data["member_count"]) == ("member.joined", "Cho", 3)
    assert to == ids(app.ann, app.ben, app.cho)
    assert app.call(app.cho, "GET", f"/conversations/{group_id}").get_json()["last_read_seq"] == 2
    assert [app.call(app.ann, "DELETE", path).status_code for _ in range(2)] == [204, 204]
    [(event, data, to)] = told(app)
    assert (event, data["member_count"], to) == ("member.left", 2, ids(app.ann, app.ben, app.cho))
    assert app.call(app.cho, "GET", f"/conversations/{group_id}").status_code == 404


def test_whoever_leaves_is_out_and_the_last_owners_place_is_taken(app: ChatApp, group_id: str) -> None:
    assert app.call(app.ann, "DELETE", member_path(group_id, app.ann)).status_code == 204
    assert codes(app.call(app.ann, "DELETE", member_path(group_id, app.ann))) == [(404, "conversation_not_found")]
    assert [(event, data["seq"], to) for event, data, to in told(app)] == [
        ("member.left", 2, ids(app.ann, app.ben)),
        ("conversation.changed", 3, ids(app.ben)),
    ]
    assert app.call(app.ben, "PATCH", f"/conversations/{group_id}", json={"name": "mine"}).status_code == 200


def test_owners_make_and_unmake_owners_but_never_the_last(app: ChatApp, group_id: str) -> None:
    def put(who: Known, person: Known, role: Any) -> TestResponse:
        return app.call(who, "PUT", member_path(group_id, person), json={"role": role})

    assert codes(put(app.ben, app.ben, "owner")) == [(403, "not_allowed")]
    assert codes(put(app.ann, app.ann, "member")) == [(409, "last_owner")]
    assert codes(put(app.ann, app.ben, "king")) == [(422, "malformed")]
    assert put(app.ann, app.ben, "owner").get_json()["role"] == "owner"
    assert put(app.ann, app.ann, "member").get_json()["role"] == "member"
    assert [event for event, _, _ in told(app)] == ["conversation.changed"] * 2
    page = app.call(app.ann, "GET", f"/conversations/{group_id}/members").get_json()
    assert [(member["user"]["name"], member["role"]) for member in page["members"]] == [
        ("Ann", "member"),
        ("Ben", "owner"),
    ]


def test_nobody_unknown_joins(app: ChatApp, group_id: str) -> None:
    nobody = uuid4()
    answer = app.call(app.ann, "PUT", f"/conversations/{group_id}/members/{nobody}")
    assert codes(answer) == [(404, "user_not_found")]
    assert app.call(app.ann, "PUT", f"/conversations/{group_id}/members/ben").status_code == 404


def test_a_conversation_of_two_is_not_renamed_joined_or_left(app: ChatApp) -> None:
    body = {"kind": "direct", "member": str(app.ben.id)}
    direct = app.call(app.ann, "POST", "/conversations", json=body).get_json()["id"]
    for who, expected in ((app.ann, (409, "direct_conversation")), (app.cho, (404, "conversation_not_found"))):
        answers = (
            app.call(who, "PATCH", f"/conversations/{direct}", json={"name": "us"}),
            app.call(who, "PUT", member_path(direct, app.cho)),
            app.call(who, "DELETE", member_path(direct, who)),
        )
        assert codes(*answers) == [expected] * 3


def test_a_group_is_read_and_changed_by_nobody_who_is_not_signed_in(app: ChatApp, group_id: str) -> None:
    """One seed answered its groups, passcode included, to anybody."""
    path = f"/conversations/{group_id}"
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": "mine"}),
        ("GET", f"{path}/members", None),
        ("PUT", member_path(group_id, app.cho), {}),
        ("DELETE", member_path(group_id, app.ben), None),
        ("POST", "/conversations", {"kind": "group", "name": "x", "members": []}),
    ):
        answer = app.call(None, method, where, **({} if body is None else {"json": body}))
        assert codes(answer) == [(401, "not_authenticated")]
        assert "friends" not in answer.get_data(as_text=True)
    assert told(app) == []
