"""The short road of a send answers as the ordinary one does, and hands over the rest."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import requests

from shared.wire import Message
from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]

PATH = "/chat/send"


class Kept:
    """One connection to chat; ``short`` tells of the last answer whether it came by the short road."""

    def __init__(self, room: Room) -> None:
        self._room = room
        place = urlsplit(room.stack.urls["chat"])
        self.http = HTTPConnection(place.hostname or "", place.port, timeout=30)
        self.response: HTTPResponse | None = None

    @property
    def short(self) -> bool:
        assert self.response is not None
        return self.response.getheader("Server") is None  # gunicorn names itself

    def post(self, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """``body``: JSON-ready, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {self._room.ann.token}", "Content-Type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request("POST", PATH, data, named)
        self.response = self.http.getresponse()
        return self.response.status, json.loads(self.response.read())

    def send(self, content: str, **fields: Any) -> dict[str, Any]:
        status, message = self.post({"content": content, "conversation_id": self._room.id, **fields})
        assert status == 201
        return message

    def headers(self, without: tuple[str, ...] = ("Server", "Date", "X-Request-Id", "Content-Length")) -> set[Any]:
        assert self.response is not None
        return {(name, value) for name, value in self.response.getheaders() if name not in without}


@pytest.fixture
def kept(room: Room) -> Iterator[Kept]:
    with connected(room) as made:
        yield made


@contextmanager
def connected(room: Room) -> Iterator[Kept]:
    made = Kept(room)
    try:
        yield made
    finally:
        made.http.close()


def test_both_roads_answer_alike_and_log_one_line_each(room: Room, kept: Kept) -> None:
    page = room.stack.public_url
    with connected(room) as other:
        status, _ = other.post({"content": "by the ordinary road", "conversation_id": room.id}, TE="trailers")
        assert (status, other.short) == (201, False)
        first, ordinary = other.response, other.headers()
    second = kept.send("by the short road")
    assert kept.short
    assert first is not None
    assert kept.headers() == ordinary
    assert Message.model_validate_json(json.dumps(second), strict=False)
    assert room.ben.history(room.id)[-1] == second

    kept.post({"content": "named", "conversation_id": room.id}, X_Request_Id="r-short", Origin=page)
    assert kept.short
    assert kept.response is not None
    assert kept.response.getheader("X-Request-Id") == "r-short"
    assert kept.response.getheader("Access-Control-Allow-Origin") == page
    lines = eventually(
        lambda: [line for line in room.stack.chat.log_entries() if line.get("request_id") == "r-short"], "the line"
    )
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"], line["user_id"]) == (PATH, 201, room.ann.id)
    kept.post({"content": "elsewhere", "conversation_id": room.id}, Origin="https://evil.example")
    assert kept.short
    assert kept.response.getheader("Access-Control-Allow-Origin") is None


def test_a_resend_is_the_first_message_and_other_content_is_refused(room: Room, kept: Kept) -> None:
    message_id = str(uuid4())
    sent = kept.send("once", id=message_id)
    body = {"content": "once", "conversation_id": room.id, "id": message_id}
    assert kept.post(body) == (200, sent)
    assert kept.short
    status, refused = kept.post({**body, "content": "twice"})
    assert (status, refused["code"], kept.short) == (409, "message_id_taken", True)


def test_a_conversation_of_others_is_not_there(room: Room, kept: Kept) -> None:
    theirs = room.ben.send("hello", to=room.cho.id)["conversation_id"]
    for conversation_id in (theirs, str(uuid4())):
        status, refused = kept.post({"content": "let me in", "conversation_id": conversation_id})
        assert (status, refused["code"], kept.short) == (404, "conversation_not_found", True)
    assert kept.send("back home")["content"] == "back home"


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, (400, "bad_json")),
        ({"content": "  "}, {}, (422, "malformed")),
        ({"content": "x"}, {}, (422, "malformed")),
        ({"content": "x", "conversation_id": 5}, {}, (422, "malformed")),
        ({"content": "x"}, {"Content_Type": "text/plain"}, (415, "wrong_media_type")),
        ({"content": "x"}, {"Authorization": "Bearer no.such.token"}, (401, "not_authenticated")),
        ({"content": "x"}, {"Authorization": "Basic YTpi"}, (401, "not_authenticated")),
    ],
    ids=["no JSON", "white space", "no target", "a number", "text", "another's token", "no token"],
)
def test_what_is_wrong_is_refused_as_on_the_ordinary_road(
    room: Room, kept: Kept, body: Any, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    status, refused = kept.post(body, **headers)
    assert (status, refused["code"]) == expected
    assert not kept.short
    assert kept.send("and on")["content"] == "and on"


def test_a_session_that_ended_is_refused_though_its_token_was_known(room: Room, kept: Kept) -> None:
    kept.send("still here")
    assert kept.short
    room.ann.auth.post("/auth/logout", {}, status=204)
    refusal = eventually(lambda: refused_with(kept, room), "the refusal")
    assert refusal is not None
    status, refused = refusal
    assert (status, refused["code"], refused["reason"]) == (401, "not_authenticated", "signed_out")


def refused_with(kept: Kept, room: Room) -> tuple[int, dict[str, Any]] | None:
    status, body = kept.post({"content": "x", "conversation_id": room.id})
    return (status, body) if status != 201 else None


def raw(room: Room, content: str) -> bytes:
    body = json.dumps({"content": content, "conversation_id": room.id}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {room.ann.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read_answers(connection: socket.socket, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = stream.readline()
            assert b" 201 " in status, status
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            found.append(json.loads(stream.read(length)))
    return found


def test_requests_that_come_together_or_in_pieces_are_answered_in_their_order(room: Room) -> None:
    place = urlsplit(room.stack.urls["chat"])
    with socket.create_connection((place.hostname, place.port or 0), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(raw(room, "0"))
        found = read_answers(connection, 1)
        connection.sendall(raw(room, "1") + raw(room, "2") + raw(room, "3"))  # the first of a read is not alone
        found += read_answers(connection, 3)
        connection.sendall(raw(room, "4"))  # and here it is, and the next ones overtake its answer
        connection.sendall(raw(room, "5"))
        connection.sendall(raw(room, "6"))
        found += read_answers(connection, 3)
        whole = raw(room, "7")
        connection.sendall(whole[:30])
        connection.sendall(whole[30:-5])
        connection.sendall(whole[-5:])
        found += read_answers(connection, 1)
    assert [message["content"] for message in found] == [str(n) for n in range(8)]
    assert [message["seq"] for message in found] == list(range(found[0]["seq"], found[0]["seq"] + 8))


def test_who_leaves_before_the_answer_has_sent_and_harms_nobody(room: Room, kept: Kept) -> None:
    place = urlsplit(room.stack.urls["chat"])
    connection = socket.create_connection((place.hostname, place.port or 0), timeout=30)
    connection.sendall(raw(room, "stays"))
    read_answers(connection, 1)
    connection.sendall(raw(room, "goes"))
    connection.close()
    eventually(lambda: [m for m in room.ben.history(room.id) if m["content"] == "goes"], "the message")
    assert kept.send("after")["content"] == "after"


def test_a_locked_conversation_is_busy_in_the_contracts_shape(room: Room, kept: Kept) -> None:
    with psycopg.connect(room.stack.database.owner_url) as holder:
        holder.execute("select from public.conversations where id = %s for update", [room.id])
        status, refused = kept.post({"content": "x", "conversation_id": room.id})
        assert (status, refused["code"], kept.short) == (503, "busy", True)
        assert kept.response is not None
        assert kept.response.getheader("Retry-After") == "1"
        holder.rollback()
    assert kept.send("free again")["content"] == "free again"


def test_a_killed_worker_loses_nothing_that_was_acknowledged(room: Room) -> None:
    def send(number: int) -> list[str]:
        """The ids of what was acknowledged."""
        acknowledged: list[str] = []
        for _ in range(60):
            message_id = str(uuid4())
            body = {"content": f"of {number}", "conversation_id": room.id, "id": message_id}
            try:
                answer = http[number].post(room.stack.urls["chat"] + PATH, json=body, timeout=30)
            except requests.RequestException:
                continue
            if answer.status_code == 201:
                acknowledged.append(message_id)
        return acknowledged

    http = [requests.Session() for _ in range(6)]
    for session in http:
        session.headers["Authorization"] = f"Bearer {room.ann.token}"
    with ThreadPoolExecutor(6) as pool:
        sending = [pool.submit(send, number) for number in range(6)]
        eventually(lambda: len(room.ben.history(room.id)) > 30, "some messages")
        os.kill(workers_of(room.stack.chat.pid)[0], signal.SIGKILL)
        acknowledged = {message_id for one in sending for message_id in one.result(120)}
    for session in http:
        session.close()
    history = room.ben.history(room.id)
    assert acknowledged <= {message["id"] for message in history}
    assert len(acknowledged) > 100
    assert [m["seq"] for m in history] == list(range(room.first["seq"], room.first["seq"] + len(history)))


def workers_of(master: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == master:
            found.append(int(path.parent.name))
    return sorted(found)
