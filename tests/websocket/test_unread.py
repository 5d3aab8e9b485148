"""What is no request gets an answer of the contract's shape, with an id, and a line in the log that quotes nothing."""

from __future__ import annotations

import json
import socket

import pytest

from tests.websocket.service import Service

SECRET = b"a-token-that-nobody-may-read"
HOST = b"Host: pulse\r\n"
POST = b"POST /online HTTP/1.1\r\n" + HOST
UNREAD = [
    ("no words", SECRET + b"\r\n\r\n", 400, "bad_request"),
    ("no version of ours", b"GET /online HTTP/9.9\r\n" + HOST + b"\r\n", 400, "bad_request"),
    ("an address", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "uri_too_long"),
    ("a field", b"GET /online HTTP/1.1\r\n" + HOST + b"X: " + SECRET * 500 + b"\r\n\r\n", 431, "headers_too_large"),
    (
        "fields",
        b"GET /online HTTP/1.1\r\n" + HOST + b"X: %b\r\n" % (b"y" * 900) * 90 + b"\r\n",
        431,
        "headers_too_large",
    ),
    ("a length", POST + b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
    ("lengths", POST + b"Content-Length: 1\r\n" * 2 + b"\r\nx", 400, "bad_request"),
    ("a length beyond any", POST + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n", 400, "bad_request"),
    (
        "many fields",
        b"GET /online HTTP/1.1\r\nX: \xe9\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(101)) + b"\r\n",
        431,
        "headers_too_large",
    ),
    *(
        (field.decode(), POST + field + b"\r\n\r\n0\r\n\r\n", 400, "bad_request")
        for field in (
            # Each of them could be read in two ways, and where the next request begins would differ.
            b"Content-Length: 5\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Content-Length : 5",
            b"no field\r\nContent-Length: 5",
        )
    ),
]


def ask(service: Service, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """All that comes until the service hangs up."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as made:
        made.sendall(data)
        made.shutdown(socket.SHUT_WR)
        answer = b""
        while part := made.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(("data", "status", "code"), [one[1:] for one in UNREAD], ids=[one[0] for one in UNREAD])
def test_what_is_no_request_is_refused_in_the_contracts_shape(
    service: Service, data: bytes, status: int, code: str
) -> None:
    found, headers, body = ask(service, data)
    assert (found, json.loads(body)["code"]) == (status, code)
    assert set(json.loads(body)) == {"code", "message"}
    assert headers["Content-Type"] == "application/json"
    assert headers["Connection"] == "close"
    lines = [line for line in service.log() if line.get("request_id") == headers["X-Request-Id"]]
    assert [(line["event"], line["error_code"]) for line in lines] == [("request_not_read", code)]
    assert SECRET.decode() not in str(service.log())


@pytest.mark.parametrize("length", [b"Content-Length: 0", b"Transfer-Encoding: chunked"])
def test_an_unusual_request_is_answered(service: Service, length: bytes) -> None:
    data = b"GET /healthz HTTP/1.1\r\n" + HOST + length + b"\r\nX: \xc3\xa9\r\nConnection: close\r\n\r\n0\r\n\r\n"
    found, _, body = ask(service, data)
    assert (found, json.loads(body)) == (200, {"status": "alive"})


def test_a_chunks_length_without_an_end_is_not_kept(service: Service) -> None:
    head = b"POST /deliver HTTP/1.1\r\n" + HOST + f"Authorization: {service.bearer}\r\n".encode()
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as made:
        made.sendall(head + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):  # reset, or broken
            made.sendall(b"0" * 64_000_000)
