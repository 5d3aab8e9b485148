"""What may take the short road, byte by byte, and what an answer looks like there."""

from __future__ import annotations

import pytest

from shared.short_road import Reply, frame, read_request, wants_more

PLAIN = b"POST /chat/send HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\nx-request-id:\t r-1 \r\n\r\n{}"


def test_a_plain_request_is_read_with_its_names_written_alike() -> None:
    request = read_request(PLAIN)
    assert request is not None
    assert (request.line, request.body) == ("POST /chat/send", b"{}")
    assert request.headers == {"Host": "x", "Content-Length": "2", "X-Request-Id": "r-1"}
    assert read_request(PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: Keep-Alive")) is not None


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("nothing", b""),
        ("a part of the head", PLAIN[:40]),
        ("a part of the body", PLAIN[:-1]),
        ("the beginning of another request", PLAIN + b"P"),
        ("no length", PLAIN.replace(b"content-length: 2\r\n", b"")),
        ("a length with a sign", PLAIN.replace(b": 2", b": +2")),
        ("a length in other digits", PLAIN.replace(b": 2", b": \xb2")),
        ("two lengths", PLAIN.replace(b"Host: x", b"Host: x\r\nContent-Length: 2")),
        ("two lengths in one", PLAIN.replace(b": 2", b": 2, 2")),
        ("no host", PLAIN.replace(b"Host: x\r\n", b"")),
        ("chunks", PLAIN.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked")),
        ("a wish to close", PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: close")),
        ("a wish to be asked first", PLAIN.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")),
        ("another version", PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0")),
        ("a space before the colon", PLAIN.replace(b"Host:", b"Host :")),
        ("a line without a colon", PLAIN.replace(b"Host: x", b"Host: x\r\nnonsense")),
        ("a folded line", PLAIN.replace(b"Host: x", b"Host: x\r\n y")),
        ("a bare line feed", PLAIN.replace(b"Host: x", b"Host: x\nAuthorization: y")),
        ("a NUL", PLAIN.replace(b"Host: x", b"Host: x\x00")),
        ("an underscore for a hyphen", PLAIN.replace(b"content-length", b"content_length")),
        ("a long head", PLAIN.replace(b"Host: x", b"Host: " + b"x" * 8_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_plain_goes_the_ordinary_road(name: str, data: bytes) -> None:
    assert read_request(data) is None


def test_a_request_may_come_in_pieces_of_any_size() -> None:
    assert [n for n in range(1, len(PLAIN)) if not wants_more(PLAIN[:n]) and n > 4] == []
    assert not wants_more(PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"nonsense",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n",
        b"POST /" + b"a" * 8_000,
    ],
    ids=["nothing", "GET", "nonsense", "no length", "chunks", "who waits", "a large body", "a long head"],
)
def test_what_can_not_become_one_is_not_waited_for(data: bytes) -> None:
    assert not wants_more(data)


def test_an_answer_is_whole_and_says_whether_the_connection_stays() -> None:
    stays = frame(Reply(201, {"X-Request-Id": "r-1"}, b"{}"), closes=False)
    head, _, body = stays.partition(b"\r\n\r\n")
    assert body == b"{}"
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 201 Created"
    assert {"X-Request-Id: r-1", "Content-Length: 2", "Connection: keep-alive"} < set(lines)
    assert b"Connection: close\r\n" in frame(Reply(503, {}, b""), closes=True)
