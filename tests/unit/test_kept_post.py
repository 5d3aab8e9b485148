"""Posting on a kept connection: what every answer means, and what becomes of a connection that is gone."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.errors import Unavailable
from shared.kept_post import KeptPost
from shared.service_client import ServiceClient, ServiceRefused
from tests.standins.answering import Other, serving

ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"accepted":1}'
TOLD = {"accepted": 1}


def answer(status: str, body: bytes = b"{}", *fields: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields])
    return head.encode() + b"\r\n\r\n" + body


def keep(other: Other, **named: Any) -> KeptPost:
    return KeptPost(ServiceClient(other.url, "the token"), "/deliver", **named)


def post(kept: KeptPost, body: Any = None) -> dict[str, Any]:
    kept.begin(json.dumps({} if body is None else body).encode())
    return kept.finish()


def test_what_is_posted_comes_whole_with_the_services_token_on_one_connection() -> None:
    with serving(ACCEPTED, ACCEPTED) as other:
        kept = keep(other)
        assert [post(kept, {"n": n}) for n in range(2)] == [TOLD, TOLD]
        assert other.connections == 1
        head, _, body = other.requests[1].partition(b"\r\n\r\n")
        assert body == b'{"n": 1}'
        assert head.decode().split("\r\n") == [
            "POST /deliver HTTP/1.1",
            f"Host: 127.0.0.1:{other.port}",
            "Authorization: Bearer the token",
            "Content-Type: application/json",
            "Content-Length: 8",
        ]


CHUNKED = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + b'{"accepted":1}\r\n0\r\n\r\n'
ANSWERS = {
    "accepted": [ACCEPTED],
    "in pieces": [ACCEPTED[at : at + 1] for at in range(len(ACCEPTED))],
    "closing": [answer("202 Accepted", b'{"accepted":1}', "Connection: close"), None],
    "lower case": [ACCEPTED.replace(b"Content-Length", b"content-length")],
    "nothing": [answer("200 OK", b"")],
    "no content": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "chunked": [CHUNKED],
    "until it closes": [b'HTTP/1.1 202 Accepted\r\n\r\n{"accepted":1}', None],
    "old": [ACCEPTED.replace(b"HTTP/1.1", b"HTTP/1.0"), None],
    "after a while": [b"HTTP/1.1 100 Continue\r\n\r\n", ACCEPTED],
    "bad json": [answer("400 Bad Request", b'{"code":"bad_json"}')],
    "malformed": [answer("422 Unprocessable Content", b'{"code":"malformed"}')],
    "too many": [answer("429 Too Many Requests")],
    "moved": [answer("301 Moved Permanently", b"", "Location: https://127.0.0.1/deliver")],
    "unchanged": [b"HTTP/1.1 304 Not Modified\r\n\r\n"],
    "broken": [answer("500 Internal Server Error")],
    "a gateway's": [answer("502 Bad Gateway", b"<html>")],
    "away": [answer("503 Service Unavailable")],
    "no object": [answer("202 Accepted", b"[]")],
    "no json": [answer("202 Accepted", b"accepted")],
    "cut short": [ACCEPTED[:-3], None],
    "no http": [b"* OK IMAP4rev1\r\n\r\n", None],
    "hung up on": [None],
}


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_means_what_it_means_to_the_service_client(said: list[bytes | None]) -> None:
    def outcome(kept: bool) -> object:
        with serving(said, said) as other:
            try:
                return post(keep(other)) if kept else ServiceClient(other.url, "the token").post("/deliver", {})
            except ServiceRefused as error:
                return error.status, error.body
            except Unavailable:
                return Unavailable

    assert outcome(True) == outcome(False)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_refused_before_all_of_it_came_is_refused(kept: bool) -> None:
    """By both alike: the answer is there to be read when sending fails."""
    said = answer("413 Content Too Large", b'{"code":"too_large"}', "Connection: close")
    body = {"much": "x" * 20_000_000}

    def refuse(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(1_000)
            client.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        refusing = pool.submit(refuse, listener)
        client = ServiceClient(f"http://127.0.0.1:{listener.getsockname()[1]}", "the token")
        with pytest.raises(ServiceRefused) as refused:
            post(KeptPost(client, "/deliver"), body) if kept else client.post("/deliver", body)
        refusing.result(30)
    assert (refused.value.status, refused.value.body) == (413, {"code": "too_large"})


def test_half_a_head_accepts_nothing() -> None:
    with serving([ACCEPTED[:30], None]) as other, pytest.raises(Unavailable):
        post(keep(other))


def test_who_answers_in_a_way_of_its_own_is_asked_by_the_service_client_from_then_on() -> None:
    with serving(CHUNKED, CHUNKED, CHUNKED) as other:
        kept = keep(other)
        assert [post(kept), post(kept)] == [TOLD, TOLD]
        assert len(other.requests) == 3


def test_a_connection_that_was_closed_while_idle_is_made_anew() -> None:
    with serving([ACCEPTED, None], ACCEPTED) as other:
        kept = keep(other)
        assert post(kept) == TOLD
        assert other.hung_up.acquire(timeout=30)
        assert post(kept) == TOLD
        assert (other.connections, len(other.requests)) == (2, 2)


def test_what_a_service_says_while_idle_answers_nothing() -> None:
    with serving([ACCEPTED + answer("408 Request Timeout")], ACCEPTED) as other:
        kept = keep(other)
        assert [post(kept), post(kept)] == [TOLD, TOLD]
        assert other.connections == 2


def test_a_kept_connection_that_closes_before_the_answer_is_made_anew_once() -> None:
    with serving(ACCEPTED, [None], ACCEPTED, [None], [None], ACCEPTED) as other:
        kept = keep(other)
        assert [post(kept), post(kept)] == [TOLD, TOLD]
        with pytest.raises(Unavailable):
            post(kept)
        assert post(kept) == TOLD
        assert len(other.requests) == 6


def test_nobody_there_is_unavailable_and_whoever_comes_is_found() -> None:
    with serving() as other:
        gone = other.port
    kept = KeptPost(ServiceClient(f"http://127.0.0.1:{gone}", "token"), "/deliver")
    with pytest.raises(Unavailable):
        post(kept)
    with serving(ACCEPTED) as other:
        moved = keep(other)
        assert post(moved) == TOLD


@pytest.mark.parametrize("said", [[], [ACCEPTED[:-1]]], ids=["nothing", "not all"])
def test_who_does_not_answer_in_time_is_unavailable(said: list[bytes]) -> None:
    with serving(said, ACCEPTED) as other:
        kept = keep(other, read_seconds=0.2)
        with pytest.raises(Unavailable):
            post(kept)
        assert post(kept) == TOLD
        assert other.connections == 2


def test_to_begin_never_waits_for_a_service_that_does_not_read() -> None:
    body = {"text": "x" * 16_000_000}
    with serving(ACCEPTED, ACCEPTED) as other:
        kept = keep(other)
        assert post(kept) == TOLD
        other.reads.clear()
        kept.begin(json.dumps(body).encode())
        other.reads.set()
        assert kept.finish() == TOLD
        assert json.loads(other.requests[1].partition(b"\r\n\r\n")[2]) == body
