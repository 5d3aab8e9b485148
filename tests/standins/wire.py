"""GoTrue on its own, without a gateway: the stand-in or the real one, to hold both to one wire."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import requests

from ops.ports import find_free_port
from ops.postgres import Cluster
from tests.standins.gotrue import GotrueOptions, make_app
from tests.standins.keys import ProjectKeys, Signing
from tests.standins.mailbox import Mailbox, ReceivedMail
from tests.standins.real_gotrue import serve_gotrue
from tests.standins.server import serve

Kind = Literal["stand-in", "real"]
SITE = "http://localhost:5001"
TIMEOUT_SECONDS = 30


class HasTime(Protocol):
    def let_pass(self, seconds: float) -> None: ...


@dataclass
class Wire:
    """A GoTrue by HTTP, as a client without a library would use it."""

    url: str
    options: GotrueOptions
    mailbox: Mailbox
    server: HasTime

    def call(
        self, method: str, path: str, *, bearer: str = "", versioned: bool = True, **more: Any
    ) -> requests.Response:
        headers = dict(more.pop("headers", {}))
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if versioned:
            headers["X-Supabase-Api-Version"] = "2024-01-01"
        return requests.request(
            method, self.url + path, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, **more
        )

    def post(self, path: str, bearer: str = "", /, **body: Any) -> requests.Response:
        return self.call("POST", path, bearer=bearer, json=body)

    @property
    def service_token(self) -> str:
        return self.options.keys.role_token("service_role")

    def ask(self, email: str, path: str = "/otp", **body: Any) -> ReceivedMail:
        """The mail that asking for a link brings."""
        count = len(self.mailbox.mails_to(email))
        answer = self.post(path, email=email, **body)
        assert answer.status_code == 200, answer.text
        return self.mailbox.wait_for(email, count + 1)

    def sign_in(self, email: str) -> dict[str, Any]:
        return read(self.post("/verify", type="email", token_hash=self.ask(email).query("token")))

    def add_person(self, **body: Any) -> dict[str, Any]:
        """By an administrator, confirmed, with a password."""
        body = {"email": somebody(), "password": "correct horse", "email_confirm": True, **body}
        return read(self.post("/admin/users", self.service_token, **body))

    def sign_in_by_password(self, email: str, password: str = "correct horse") -> dict[str, Any]:
        return read(self.post("/token?grant_type=password", email=email, password=password))

    def refresh(self, token: str) -> requests.Response:
        return self.post("/token?grant_type=refresh_token", refresh_token=token)


def somebody() -> str:
    """An address nobody has used."""
    return f"p{secrets.token_hex(6)}@example.org"


def read(answer: requests.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200, body
    return body


def refusal(answer: requests.Response) -> tuple[int, str]:
    """The status and GoTrue's code."""
    return answer.status_code, answer.json()["code"]


@contextmanager
def serve_wire(
    kind: Kind, mailbox: Mailbox, postgres: Cluster, folder: Path, signing: Signing = "ES256", **changed: Any
) -> Iterator[Wire]:
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    options = replace(GotrueOptions(ProjectKeys(signing=signing), SITE, url, mailbox.port), **changed)
    if kind == "stand-in":
        app = make_app(options)
        with serve(app, port):
            yield Wire(url, options, mailbox, app)
        return
    name = f"gotrue_{secrets.token_hex(6)}"
    postgres.create_database(name)
    try:
        with serve_gotrue(options, postgres.url(name), port, folder) as server:
            yield Wire(url, options, mailbox, server)
    finally:
        postgres.drop_database(name)
