"""The conversation list, read positions, typing and presence through chat's HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.chat.conftest import SERVICE_TOKEN, ChatApp


@pytest.fixture
def conversation_id(app: ChatApp) -> str:
    opened: str = app.call(
        app.ann, "POST", "/conversations", json={"kind": "direct", "member": str(app.ben.id)}
    ).get_json()["id"]
    app.drain()
    app.websocket.delivered.clear()
    return opened


def test_opening_a_conversation_twice_is_the_same_one(app: ChatApp) -> None:
    first = app.call(app.ann, "POST", "/conversations", json={"kind": "direct", "member": str(app.ben.id)})
    again = app.call(app.ben, "POST", "/conversations", json={"kind": "direct", "member": str(app.ann.id)})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert (first.get_json()["peer"]["name"], again.get_json()["peer"]["name"]) == ("Ben", "Ann")


def test_an_unknown_person_or_kind_opens_nothing(app: ChatApp) -> None:
    unknown = app.call(app.ann, "POST", "/conversations", json={"kind": "direct", "member": str(uuid4())})
    odd = app.call(app.ann, "POST", "/conversations", json={"kind": "secret", "member": str(app.ben.id)})
    assert (unknown.status_code, odd.status_code) == (404, 422)


def test_the_list_and_one_conversation_agree(app: ChatApp, conversation_id: str) -> None:
    app.send(app.ann, conversation_id=conversation_id, content="hello")
    [listed] = app.call(app.ben, "GET", "/conversations").get_json()["conversations"]
    one = app.call(app.ben, "GET", f"/conversations/{conversation_id}").get_json()
    assert listed == one
    assert (one["unread"], one["last_message"]["content"]) == (1, "hello")
    assert app.call(app.cho, "GET", "/conversations").get_json()["conversations"] == []
    assert app.call(app.cho, "GET", f"/conversations/{conversation_id}").status_code == 404


def test_reading_moves_the_position_and_tells_both(app: ChatApp, conversation_id: str) -> None:
    app.send(app.ann, conversation_id=conversation_id, content="hello")
    app.drain()
    app.websocket.delivered.clear()
    read = app.call(app.ben, "POST", f"/conversations/{conversation_id}/read", json={"seq": 99})
    assert read.get_json() == {"last_read_seq": 2, "unread": 0}
    app.drain()
    assert app.websocket.events == [
        ("read", {"conversation_id": conversation_id, "user_id": str(app.ben.id), "seq": 2})
    ]
    assert set(app.websocket.delivered[0]["to"]) == {str(app.ann.id), str(app.ben.id)}


@pytest.mark.parametrize("seq", [-1, "2", 1.5, None, 2**60])
def test_a_bad_read_position_is_malformed(app: ChatApp, conversation_id: str, seq: object) -> None:
    answer = app.call(app.ben, "POST", f"/conversations/{conversation_id}/read", json={"seq": seq})
    assert answer.status_code == 422


def test_typing_is_shown_to_the_other_and_throttled(app: ChatApp, conversation_id: str) -> None:
    for _ in range(3):
        assert app.call(app.ben, "POST", f"/conversations/{conversation_id}/typing").status_code == 204
    app.drain()
    [(event, data)] = app.websocket.events
    assert (event, data["user_id"]) == ("typing", str(app.ben.id))
    assert app.websocket.delivered[0]["to"] == [str(app.ann.id)]


def test_an_outsider_can_not_read_mark_type_or_list_members(app: ChatApp, conversation_id: str) -> None:
    base = f"/conversations/{conversation_id}"
    assert app.call(app.ben, "GET", f"{base}/members").status_code == 200
    for method, path, body in (
        ("GET", f"{base}/members", None),
        ("POST", f"{base}/read", {"seq": 1}),
        ("POST", f"{base}/typing", None),
    ):
        answer = app.call(app.cho, method, path, **({"json": body} if body else {}))
        assert (answer.status_code, answer.get_json()["code"]) == (404, "conversation_not_found")
    app.drain()
    assert app.websocket.events == []


def test_presence_goes_to_peers_only(app: ChatApp, conversation_id: str) -> None:
    app.websocket.online = [str(app.ann.id)]
    changed = app.client.post(
        "/internal/presence",
        json={"changes": [{"user_id": str(app.ann.id), "online": True, "at": "2026-01-01T00:00:00Z"}]},
        headers={"Authorization": f"Bearer {SERVICE_TOKEN}"},
    )
    assert changed.get_json() == {"accepted": 1}
    app.drain()
    assert [one["to"] for one in app.websocket.delivered] == [[str(app.ben.id)]]
    ids = f"{app.ann.id},{app.ben.id},{app.cho.id}"
    by_ben = app.call(app.ben, "GET", f"/presence?ids={ids}").get_json()["presence"]
    assert {row["user_id"]: row["online"] for row in by_ben} == {str(app.ann.id): True, str(app.ben.id): False}
    assert app.call(app.cho, "GET", f"/presence?ids={ids}").get_json()["presence"] == []


@pytest.mark.parametrize(("count", "status"), [(200, 200), (201, 422)])
def test_presence_is_asked_for_at_most_200(app: ChatApp, count: int, status: int) -> None:
    ids = ",".join(str(uuid4()) for _ in range(count))
    assert app.call(app.ann, "GET", f"/presence?ids={ids}").status_code == status


def test_with_the_websocket_service_away_everybody_counts_as_offline(app: ChatApp, conversation_id: str) -> None:
    app.websocket.online = [str(app.ann.id)]
    app.websocket.online_status = 503
    [row] = app.call(app.ben, "GET", f"/presence?ids={app.ann.id}").get_json()["presence"]
    assert row["online"] is False
