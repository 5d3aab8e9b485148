"""What may be sent comes back exactly; what may not is refused in the contract's words, and nothing is kept of it."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.stack import Stack

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]

KEPT = {
    "emoji": "👍🏽 👩‍👩‍👧‍👦 🇳🇵 1️⃣",
    "right to left": "שלום עולם \u202eמרחבא\u202c العربية",
    "combining": "e\u0301 \u1e9b\u0323 n\u0303",
    "white space around": "  \n\t two lines\r\n and a tab\t ",
    "control characters": "\u0001\u0008\u001b[31m\u007f\u0085\u2028",
    "noncharacters": "\ufffe\uffff\ufdd0",
    "markup": "<script>alert(1)</script> &amp; <img src=x onerror=alert(1)>",
    "quotes": "Robert'); drop table messages; -- \\ \\x00 %s {} ${x} \\u0000",
    "one": "a",
    "zero width": "a\u200b\u200d\ufeff",
    "8,000 letters": "x" * 8_000,
    "8,000 emoji": "🦄" * 8_000,
    "8,000 of three bytes": "中" * 8_000,
}

TOO_LONG = "x" * 8_001
REFUSED = {
    "8,001 letters": TOO_LONG,
    "8,001 emoji": "🦄" * 8_001,
    "empty": "",
    "white space only": " \n\t\u00a0\u2003 ",
    "NUL": "a\x00b",
    "a lone high surrogate": "a\ud83d",
    "a lone low surrogate": "\ude00b",
    "surrogates the wrong way round": "\ude00\ud83d",
    "a number": 7,
    "null": None,
    "a list": ["hello"],
    "an object": {"text": "hello"},
    "true": True,
}


@pytest.mark.parametrize("content", KEPT.values(), ids=KEPT.keys())
def test_content_comes_back_exactly(room: Room, content: str) -> None:
    device = room.ben.connect()

    message = room.ann.send(content, conversation_id=room.id)

    assert message["content"] == content
    assert device.wait_for("message.sent", seq=message["seq"])["message"]["content"] == content
    assert room.ben.history(room.id)[-1]["content"] == content
    assert room.ben.changes(room.id, room.first["seq"])["events"][0]["data"]["message"]["content"] == content
    assert room.ben.conversations()[0]["last_message"]["content"] == content
    assert room.ben.chat.get(f"/messages/{message['id']}")["content"] == content


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_content_that_may_not_be_is_refused(room: Room, content: Any) -> None:
    for path in ("/chat/send", "/messages"):
        refused = room.ann.chat.request("POST", path, json={"conversation_id": room.id, "content": content})

        assert refused.status_code in (400, 422), refused.text
        if refused.status_code == 422:
            assert refused.json()["code"] == "malformed"
            assert [problem["field"] for problem in refused.json()["fields"]] == ["content"]
    assert room.ben.history(room.id) == [room.first]


WRONG_FIELDS: dict[str, dict[str, Any]] = {
    "no target": {},
    "two targets": {"to": "ben@example.org", "conversation_id": "11111111-1111-4111-8111-111111111111"},
    "target of the wrong type": {"to": 7},
    "target with NUL": {"to": "a\x00b"},
    "target with a lone surrogate": {"to": "\ud800"},
    "conversation that is no id": {"conversation_id": "nowhere"},
    "id that is no id": {"to": "ben@example.org", "id": "1"},
    "id of the wrong type": {"to": "ben@example.org", "id": 1},
    "reply that is no id": {"to": "ben@example.org", "reply_to": "x"},
    "attachments that are no list": {"to": "ben@example.org", "attachments": "x"},
}


@pytest.mark.parametrize("fields", WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_wrong_fields_are_named(room: Room, fields: dict[str, Any]) -> None:
    refused = room.ann.chat.request("POST", "/chat/send", json={"content": "hello", **fields})

    # JSON that holds a lone surrogate can't be turned into text at all.
    assert (refused.status_code, refused.json()["code"]) in ((422, "malformed"), (400, "bad_json"))
    assert refused.status_code == 400 or refused.json()["fields"]


WRONG_QUERIES = [
    "/chat/history",
    "/chat/history?conversation_id=nowhere",
    "/chat/history?with=nobody",
    "/chat/history?conversation_id={room}&with={ben}",
    "/chat/history?conversation_id={room}&limit=0",
    "/chat/history?conversation_id={room}&limit=201",
    "/chat/history?conversation_id={room}&before=-1",
    "/chat/history?conversation_id={room}&before=9223372036854775808",
    "/chat/history?conversation_id={room}&after=one",
    "/chat/changes",
    "/chat/changes?conversation_id={room}&after=1.5",
    "/conversations?limit=x",
    "/conversations?cursor=no-cursor",
    "/conversations?cursor=%00",
    "/conversations?cursor=5b5d",
    "/conversations/{room}/members?cursor=zz",
    "/presence?ids=nobody",
    "/presence",
]


@pytest.mark.parametrize("path", WRONG_QUERIES)
def test_wrong_queries_are_named(room: Room, path: str) -> None:
    refused = room.ann.chat.request("GET", path.format(room=room.id, ben=room.ben.id))

    assert refused.status_code == 422, refused.text
    assert refused.json()["code"] == "malformed"
    assert refused.json()["fields"]


@dataclass(frozen=True)
class Door:
    """A route that takes JSON, and what opens it."""

    service: str
    path: str
    token: str

    def __str__(self) -> str:
        return f"{self.service} {self.path}"


DOORS = [
    Door("auth", "/auth/login", "none"),
    Door("auth", "/auth/confirm", "none"),
    Door("auth", "/auth/signup", "none"),
    Door("auth", "/auth/password/reset", "none"),
    Door("auth", "/auth/refresh", "none"),
    Door("auth", "/auth/logout", "person"),
    Door("chat", "/chat/send", "person"),
    Door("chat", "/messages", "person"),
    Door("chat", "/conversations", "person"),
    Door("chat", "/internal/presence", "service"),
    Door("websocket", "/deliver", "service"),
    Door("websocket", "/disconnect", "service"),
]
JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_bodies_that_are_none_are_refused_everywhere(room: Room, door: Door) -> None:
    token = {"none": None, "person": room.ann.token, "service": room.stack.service_token}[door.token]
    http = room.stack.http(door.service, token)
    before = room.stack.count("from messages"), room.stack.count("from conversations")

    def post(body: bytes, headers: dict[str, str] = JSON) -> tuple[int, str]:
        answer = http.request("POST", door.path, data=body, headers=headers)
        return answer.status_code, answer.json()["code"]

    for broken in (b"{", b"", b'{"a": }', b"\xff\xfe", b'{"a": "\xed\xa0\x80"}', b"nonsense", DEEP):
        assert post(broken) == (400, "bad_json"), broken[:20]
    for wrong in (b"[]", b'"text"', b"7", b"null"):
        assert post(wrong) == (422, "malformed"), wrong
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        assert post(b'{"email": "ann@example.org"}', {"Content-Type": kind}) == (415, "wrong_media_type"), kind
    if door.service != "websocket":  # which takes batches of other people's messages
        # Refused unread, so the connection is of no more use.
        big = json.dumps({"content": "x" * 1_048_576}).encode()
        assert post(big, {**JSON, "Connection": "close"}) == (413, "too_large")
    assert http.request("PUT", door.path, json={}).status_code == 405
    assert (room.stack.count("from messages"), room.stack.count("from conversations")) == before


@pytest.mark.parametrize("service", ["auth", "chat", "websocket"])
def test_what_is_not_there_answers_in_the_contracts_words(stack: Stack, service: str) -> None:
    http = stack.http(service)

    for path in ("/nowhere", "/chat/nowhere", "/conversations/not-an-id", "/%00", "/..%2f..%2fetc/passwd", "/%ff"):
        answer = http.request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    for method in ("DELETE", "PATCH", "PUT", "POST"):
        answer = http.request(method, "/healthz")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), method
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("service", ["auth", "chat", "websocket"])
def test_every_service_is_alive_and_ready_and_tells_figures(stack: Stack, service: str) -> None:
    http = stack.http(service)

    assert http.get("/healthz") == {"status": "alive"}
    assert http.get("/readyz")["status"] == "ready"
    figures = http.request("GET", "/metrics")
    assert figures.headers["Content-Type"].startswith("text/plain")
    assert "pulse_http_requests_total" in figures.text
    assert "<html" in http.request("GET", "/docs").text


def test_login_refuses_what_is_no_address(stack: Stack) -> None:
    auth = stack.http("auth")

    for email in (
        "",
        "ann",
        "ann@",
        "a\x00@example.org",
        "\ud800@example.org",
        7,
        None,
        ["ann@example.org"],
        "x" * 400,
    ):
        refused = auth.request("POST", "/auth/login", json={"email": email})
        assert refused.status_code in (400, 422), email
        assert refused.json()["code"] in ("bad_json", "malformed"), email
    assert stack.count("from builtin_auth.inbox where recipient not like '%%@example.org'") == 0


def test_nothing_in_this_suite_was_a_bug_of_a_service(stack: Stack) -> None:
    """Runs last in this file: whatever was thrown at the services, none of it was their own mistake."""
    for process in stack.processes:
        assert [entry for entry in process.log_entries() if entry["event"] == "bug"] == []
        assert "Traceback" not in process.log()


def test_a_body_in_chunks_that_are_none_is_refused_in_the_contracts_shape(stack: Stack, room: Room) -> None:
    for name, path in (("auth", "/auth/login"), ("chat", "/chat/send")):
        place = urlsplit(stack.urls[name])
        with socket.create_connection((place.hostname, place.port or 0), timeout=30) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {room.ann.token}\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
            )
            said = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert b" 400 " in said.partition(b"\r\n")[0]
        assert b"bad_request" in said
