"""Reads by the short road and by the ordinary one, over HTTP: the same status, headers and body."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.system.conftest import EMBEDDED_USUALLY, Room

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]

OWN = ("Server", "Date", "Connection", "X-Request-Id")


class Reader:
    """Asks on one kept connection."""

    def __init__(self, room: Room) -> None:
        self._room = room
        place = urlsplit(room.stack.urls["chat"])
        self.http = HTTPConnection(place.hostname or "", place.port, timeout=30)

    def ask(self, target: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.http.request("GET", target, headers={"Authorization": f"Bearer {self._room.ann.token}", **named})
        response = self.http.getresponse()
        return response, response.read()


@pytest.fixture
def reader(room: Room) -> Iterator[Reader]:
    made = Reader(room)
    yield made
    made.http.close()


def is_short(response: HTTPResponse) -> bool:
    return response.getheader("Server") is None  # gunicorn names itself


def headers_of(response: HTTPResponse) -> dict[str, str]:
    return {name: value for name, value in response.getheaders() if name not in OWN}


def test_both_roads_answer_alike(room: Room, reader: Reader) -> None:
    room.ben.send("hëllo 😀", conversation_id=room.id)
    theirs = room.ben.send("hi", to=room.cho.id)["conversation_id"]
    history = f"/chat/history?conversation_id={room.id}"
    expected = {
        history: (200, True),
        f"{history}&limit=1": (200, True),
        f"/chat/history?with={room.ben.id}&after=1": (200, True),
        f"/chat/changes?conversation_id={room.id}&after=1": (200, True),
        "/conversations?limit=1": (200, True),
        "/messages": (200, True),
        f"/chat/history?conversation_id={theirs}": (404, True),
        f"/chat/history?with={uuid4()}": (404, True),
        "/conversations?cursor=zz": (422, True),
        f"{history}&limit=0": (422, False),
        f"{history}&limit=%31": (200, False),
        f"{history}&limit=1&limit=2": (200, False),
        "/chat/history": (422, False),
        f"/conversations/{room.id}": (200, False),
        "/nothing": (404, False),
    }
    reader.ask(history)  # the token is known from now on
    for target, (status, short) in expected.items():
        for origin in (room.stack.public_url, "https://evil.example"):
            first, body = reader.ask(target, Origin=origin, X_Request_Id="r-read")
            second, again = reader.ask(target, Origin=origin, X_Request_Id="r-read", TE="trailers")
            assert (target, first.status, is_short(first)) == (target, status, short)
            assert not is_short(second)
            assert (first.status, body) == (second.status, again)
            assert headers_of(first) == headers_of(second)
            assert first.getheader("X-Request-Id") == second.getheader("X-Request-Id") == "r-read"


def test_reads_and_sends_that_come_at_once_are_answered_in_their_order(room: Room) -> None:
    place = urlsplit(room.stack.urls["chat"])
    head = f"Host: x\r\nAuthorization: Bearer {room.ann.token}\r\n"
    read = f"GET /chat/history?conversation_id={room.id}&limit=1 HTTP/1.1\r\n{head}\r\n".encode()
    said = f'{{"conversation_id": "{room.id}", "content": "between"}}'.encode()
    send = f"POST /chat/send HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: {len(said)}\r\n\r\n"
    with socket.create_connection((place.hostname, place.port or 0), timeout=30) as connection:
        connection.sendall(read)
        answers = connection.makefile("rb")
        assert [read_one(answers)] == [b"hello ben"]
        connection.sendall(read + send.encode() + said + read)
        assert [read_one(answers) for _ in range(3)] == [b"hello ben", b"between", b"between"]


def read_one(stream: object) -> bytes:
    """The last content of an answer."""
    length = 0
    while (line := stream.readline()) != b"\r\n":  # type: ignore[attr-defined]
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    body: bytes = stream.read(length)  # type: ignore[attr-defined]
    return body.rpartition(b'"content"')[2].partition(b'"')[2].partition(b'"')[0]
