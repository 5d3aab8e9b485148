"""auth as a real process: serves with gunicorn, keeps secrets out of its log, stops when asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from ops.ports import find_free_port
from tests.auth.conftest import AUTH_SECRET, PAGES, SERVICE_TOKEN

SECONDS = 120


@dataclass
class Process:
    url: str
    log: Path
    child: subprocess.Popen[bytes]

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(SECONDS)


@pytest.fixture
def auth(database_url: str, tmp_path: Path) -> Iterator[Process]:
    port, log = find_free_port(), tmp_path / "log"
    environ = {
        "PATH": os.environ.get("PATH", ""),
        "DATABASE_URL": database_url,
        "SERVICE_TOKEN": SERVICE_TOKEN,
        "AUTH_SECRET": AUTH_SECRET,
        "PORT": str(port),
        "AUTH_PUBLIC_URL": f"http://localhost:{port}",
        "WEBSOCKET_URL": "http://127.0.0.1:1",
        "WORKERS": "2",
    }
    with log.open("wb") as output:
        words = [sys.executable, "-m", "services.auth"]
        child = subprocess.Popen(words, env=environ, stdout=output, stderr=subprocess.STDOUT)
    process = Process(f"http://localhost:{port}", log, child)
    try:
        wait_until_ready(process)
        yield process
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def wait_until_ready(process: Process) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.child.poll() is None:
        try:
            if requests.get(process.url + "/readyz", timeout=5).status_code == 200:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.05)
    pytest.fail(process.log.read_text())


def test_a_whole_visit_leaves_no_secret_in_the_log(auth: Process) -> None:
    def post(path: str, body: dict[str, Any], **headers: str) -> requests.Response:
        return requests.post(auth.url + path, json=body, headers=headers, timeout=30)

    assert post("/auth/login", {"email": "ann@example.org"}).status_code == 202
    [mail] = requests.get(auth.url + "/dev/inbox", params={"email": "ann@example.org"}, timeout=30).json()["mails"]
    assert requests.get(mail["link"], timeout=30).status_code == 200
    token = parse_qs(urlsplit(mail["link"]).query)["token_hash"][0]
    session = post("/auth/confirm", {"token_hash": token}).json()
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    assert requests.get(auth.url + "/auth/session", headers=bearer, timeout=30).status_code == 200
    fresh = post("/auth/refresh", {"refresh_token": session["refresh_token"]}).json()
    assert post("/auth/confirm", {"email": "ann@example.org", "code": mail["code"]}, Origin=PAGES).status_code == 403
    first, second, wrong = "correct horse battery", "sand castle at noon", "another staple"
    change = {"password": first}
    assert requests.put(auth.url + "/auth/password", json=change, headers=bearer, timeout=30).status_code == 204
    by_password = {"email": "ann@example.org", "password": first}
    assert post("/auth/login", {**by_password, "password": wrong}).status_code == 401
    assert post("/auth/login", by_password).status_code == 200
    assert post("/auth/signup", {**by_password, "password": wrong}).status_code == 202
    assert post("/auth/password/reset", {"email": "ann@example.org"}).status_code == 202
    mails = requests.get(auth.url + "/dev/inbox", params={"email": "ann@example.org"}, timeout=30).json()["mails"]
    recovery = {name: values[0] for name, values in parse_qs(urlsplit(mails[0]["link"]).query).items()}
    session_after = post("/auth/confirm", {**recovery, "password": second}).json()
    bearer = {"Authorization": f"Bearer {session_after['access_token']}"}
    assert post("/auth/logout", {}, **bearer).status_code == 204
    assert requests.get(auth.url + "/auth/session", headers=bearer, timeout=30).status_code == 401
    assert requests.get(auth.url + f"/auth/confirm?token_hash={token}x", timeout=30).status_code == 403
    assert auth.stop() == 0
    log = auth.log.read_text()
    secrets = [token, mail["code"], "ann@example", "Ann", first, second, wrong, "argon2", AUTH_SECRET, SERVICE_TOKEN]
    secrets += [recovery["token_hash"]]
    secrets += [one[name] for one in (session, fresh, session_after) for name in ("access_token", "refresh_token")]
    assert [secret for secret in secrets if secret in log] == []
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert {"link_requested", "signed_in", "password_changed", "signed_out", "request"} <= set(events)


def test_it_stops_soon_and_leaves_its_port_free(auth: Process) -> None:
    assert requests.get(auth.url + "/healthz", timeout=30).status_code == 200
    began = time.monotonic()
    assert auth.stop() == 0
    assert time.monotonic() - began < 20  # 2 s; the rest is for a busy machine
    with pytest.raises(requests.ConnectionError):
        requests.get(auth.url + "/healthz", timeout=1)


def test_openapi_shows_every_route_and_the_docs_are_a_page(auth: Process) -> None:
    document = requests.get(auth.url + "/openapi.json", timeout=30).json()
    assert {
        "/auth/login",
        "/auth/confirm",
        "/auth/session",
        "/auth/refresh",
        "/auth/logout",
        "/auth/signup",
        "/auth/password",
        "/auth/password/reset",
        "/auth/methods",
        "/auth/google",
        "/auth/callback",
        "/users",
        "/users/{user_id}",
        "/.well-known/jwks.json",
        "/revocations",
        "/dev/inbox",
    } == set(document["paths"])
    assert set(document["paths"]["/auth/confirm"]) == {"get", "post"}
    assert requests.get(auth.url + "/docs", timeout=30).headers["Content-Type"].startswith("text/html")
    assert "pulse_http_requests_total" in requests.get(auth.url + "/metrics", timeout=30).text
