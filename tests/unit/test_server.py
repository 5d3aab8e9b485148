"""Requests that never reach Flask are answered in the contract's shape, by a real gunicorn."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ops.ports import find_free_port

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "SERVICE_TOKEN": "s" * 32,
    "DATABASE_URL": "postgresql://pulse_app@127.0.0.1:1/nothing",
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a chat without a database listens."""
    found = find_free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "services.chat"],
        env={**ENVIRONMENT, "PORT": str(found), "WORKERS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _listens(found):
            time.sleep(0.05)
        yield found
        process.terminate()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, None),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400, "bad_request"),
    ],
)
def test_what_is_no_request_gets_a_contract_error(
    port: int, request_bytes: bytes, status: int, code: str | None
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert json.loads(body).get("code") == code


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
