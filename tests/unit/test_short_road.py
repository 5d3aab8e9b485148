"""What may take the short road, byte by byte, and what an answer looks like there."""

from __future__ import annotations

import pytest

from shared.short_road import FIELDS, Reply, count_wanted, frame, read_request

PLAIN = b"POST /chat/send HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\nx-request-id:\t r-1 \r\n\r\n{}"


def test_a_plain_request_is_read_with_its_names_written_alike() -> None:
    request = read_request(PLAIN)
    assert request is not None
    assert (request.line, request.body) == ("POST /chat/send", b"{}")
    assert request.headers == {"Host": "x", "Content-Length": "2", "X-Request-Id": "r-1"}
    assert read_request(PLAIN.replace(b"Host: x", b"Host: x\r\nConnection: Keep-Alive")) is not None


MANY = b"".join(b"\r\nX-%d: 1" % n for n in range(FIELDS + 1))


def test_as_many_fields_as_gunicorn_takes_are_read() -> None:
    fields = MANY.split(b"\r\n")[1 : FIELDS - 2]  # PLAIN has three
    most = PLAIN.replace(b"Host: x", b"\r\n".join([b"Host: x", *fields]))
    request = read_request(most)
    assert request is not None
    assert len(request.headers) == FIELDS
    assert read_request(most.replace(b"Host: x", b"Host: x\r\nY: 1")) is None


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
        ("another word on the scheme", PLAIN.replace(b"Host: x", b"Host: x\r\nX-Forwarded-Ssl: off")),
        ("another version", PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0")),
        ("a space before the colon", PLAIN.replace(b"Host:", b"Host :")),
        ("a line without a colon", PLAIN.replace(b"Host: x", b"Host: x\r\nnonsense")),
        ("a folded line", PLAIN.replace(b"Host: x", b"Host: x\r\n y")),
        ("a bare line feed", PLAIN.replace(b"Host: x", b"Host: x\nAuthorization: y")),
        ("a NUL", PLAIN.replace(b"Host: x", b"Host: x\x00")),
        ("an underscore for a hyphen", PLAIN.replace(b"content-length", b"content_length")),
        ("a length of thousands of digits", PLAIN.replace(b": 2", b": " + b"2" * 5_000)),
        ("more fields than gunicorn takes", PLAIN.replace(b"Host: x", b"Host: x" + MANY)),
        ("a long head", PLAIN.replace(b"Host: x", b"Host: " + b"x" * 8_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_plain_goes_the_ordinary_road(name: str, data: bytes) -> None:
    assert read_request(data) is None


def test_a_request_may_come_in_pieces_of_any_size() -> None:
    head = PLAIN.index(b"\r\n\r\n") + 4
    for n in range(1, head):
        assert count_wanted(PLAIN[:n]) == n + 1  # every byte may be the last of the head
    assert {count_wanted(PLAIN[:n]) for n in range(head, len(PLAIN) + 1)} == {len(PLAIN)}
    assert count_wanted(PLAIN) == len(PLAIN)


def test_a_long_body_is_looked_at_once_when_it_has_come() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 50000" + MANY + b"\r\n\r\n"
    assert count_wanted(head) == count_wanted(head + b"x" * 49_999) == len(head) + 50_000


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "OPTIONS"])
def test_heads_of_all_methods_are_waited_for(method: str) -> None:
    data = f"{method} / HTTP/1.1\r\nHo".encode()
    assert count_wanted(data) == len(data) + 1
    assert count_wanted(data + b"st: x\r\n\r\n") == 0


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost",
        b"\nGET /",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 8_192,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 11_000,
    ],
    ids=[
        "all",
        "a line feed",
        "a first one",
        "no length",
        "chunks",
        "who waits",
        "a large body",
        "a length",
        "a line",
        "a head",
    ],
)
def test_nothing_is_waited_for_where_all_has_come_or_gunicorn_says_what_is_wrong(data: bytes) -> None:
    assert count_wanted(data) == 0


def test_an_answer_is_whole_and_says_whether_the_connection_stays() -> None:
    stays = frame(Reply(201, {"X-Request-Id": "r-1"}, b"{}"), closes=False)
    head, _, body = stays.partition(b"\r\n\r\n")
    assert body == b"{}"
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 201 Created"
    assert {"X-Request-Id: r-1", "Content-Length: 2", "Connection: keep-alive"} < set(lines)
    assert b"Connection: close\r\n" in frame(Reply(503, {}, b""), closes=True)
