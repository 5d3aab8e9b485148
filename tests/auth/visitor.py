"""A person at a device without cookies: asks for links, signs in, calls with a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

INBOX = "tests.inbox"
"""An app's extension: where its mails are read when it has no inbox of its own, newest first."""


@dataclass(frozen=True)
class Mail:
    link: str
    code: str
    subject: str

    @property
    def query(self) -> dict[str, str]:
        """What the link says, as the confirm page gets it."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.link).query).items()}

    @property
    def token(self) -> str:
        return self.query["token_hash"]


class Visitor:
    def __init__(self, app: Flask, email: str) -> None:
        self.app = app
        self.email = email
        self.access_token = ""
        self.refresh_token = ""
        self.user: dict[str, Any] = {}

    def call(self, method: str, path: str, **arguments: Any) -> TestResponse:
        """Each with a client of its own: nothing is remembered, no cookie either."""
        headers = dict(arguments.pop("headers", {}))
        if self.access_token:
            headers.setdefault("Authorization", f"Bearer {self.access_token}")
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **arguments)

    def ask(self, **more: Any) -> Mail:
        """Asks for a mail and reads it."""
        assert self.call("POST", "/auth/login", json={"email": self.email, **more}).status_code == 202
        return self.mails()[0]

    def mails(self) -> list[Mail]:
        if INBOX in self.app.extensions:
            mails: list[Mail] = self.app.extensions[INBOX](self.email)
            return mails
        answer = self.call("GET", "/dev/inbox", query_string={"email": self.email})
        return [Mail(mail["link"], mail["code"], mail["subject"]) for mail in answer.get_json()["mails"]]

    def confirm(self, **body: Any) -> TestResponse:
        return self.call("POST", "/auth/confirm", json=body)

    def sign_in(self) -> Visitor:
        return self.keep(self.confirm(token_hash=self.ask().token))

    def sign_up(self, password: str, **more: Any) -> Mail:
        """Signs up and reads the mail."""
        answer = self.call("POST", "/auth/signup", json={"email": self.email, "password": password, **more})
        assert answer.status_code == 202, answer.get_json()
        return self.mails()[0]

    def log_in(self, password: str) -> TestResponse:
        return self.call("POST", "/auth/login", json={"email": self.email, "password": password})

    def ask_for_reset(self, **more: Any) -> Mail:
        """Asks for a new password and reads the mail."""
        answer = self.call("POST", "/auth/password/reset", json={"email": self.email, **more})
        assert answer.status_code == 202, answer.get_json()
        return self.mails()[0]

    def reset(self, mail: Mail, password: str) -> TestResponse:
        """Uses the mail's link as the page does."""
        return self.confirm(**mail.query, password=password)

    def change_password(self, password: str, current: str | None = None) -> TestResponse:
        body = {"password": password, **({} if current is None else {"current_password": current})}
        return self.call("PUT", "/auth/password", json=body)

    def is_signed_in(self) -> bool:
        return self.call("GET", "/auth/session").status_code == 200

    def refresh(self, token: str | None = None) -> TestResponse:
        return self.call("POST", "/auth/refresh", json={"refresh_token": token or self.refresh_token})

    def keep(self, answer: TestResponse) -> Visitor:
        """Goes on with the session of ``answer``."""
        session = answer.get_json()
        assert answer.status_code == 200, session
        self.access_token, self.refresh_token = session["access_token"], session["refresh_token"]
        self.user = session["user"]
        return self
