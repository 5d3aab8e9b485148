"""auth on a Supabase project: its Auth, its database by RPC, its gateway and a mail server, all on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Flask
from werkzeug.test import TestResponse

from ops.ports import find_free_port
from services.auth.app import create_app
from services.auth.settings import AuthSettings
from services.auth.supabase.mail_templates import NAMES
from services.auth.supabase.provider import SupabaseProvider
from tests.auth.conftest import AUTH_SECRET, PAGES, SERVICE_TOKEN, parts_of
from tests.auth.visitor import Visitor
from tests.conftest import Database
from tests.standins.keys import KeyStyle, Signing
from tests.standins.mailbox import ReceivedMail
from tests.standins.project import SupabaseProject
from tests.standins.server import serve


@dataclass
class World:
    """``app`` is also served at ``auth_url``, from where the project fetches its mail templates."""

    project: SupabaseProject
    app: Flask
    auth_url: str
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def provider(self) -> SupabaseProvider:
        provider = parts_of(self.app).provider
        assert isinstance(provider, SupabaseProvider)
        return provider

    def person(self, name: str) -> Person:
        return Person(self, f"{name}@example.org")

    def mail(self, email: str) -> ReceivedMail:
        """The next one to that address."""
        self.seen[email] = self.seen.get(email, 0) + 1
        mail = self.project.mailbox.wait_for(email, self.seen[email])
        self.provider.close(30.0)  # GoTrue sends within its transaction: the mail is there before its token counts
        return mail


class Person(Visitor):
    """At a device that keeps no cookies."""

    def __init__(self, world: World, email: str) -> None:
        super().__init__(world.app, email)
        self.world = world

    def ask_for_link(self, **more: Any) -> ReceivedMail:
        answer = self.call("POST", "/auth/login", json={"email": self.email, **more})
        assert answer.status_code == 202, answer.get_json()
        return self.world.mail(self.email)

    def enter(self) -> Person:
        """Signs in by link."""
        self.keep(self.use(self.ask_for_link()))
        return self

    def use(self, mail: ReceivedMail) -> TestResponse:
        return self.confirm(**link_of(mail))


class Browser:
    """At a browser that keeps cookies; ``ask`` and ``call`` as the pages do, ``open`` as the address line does."""

    def __init__(self, world: World, email: str) -> None:
        self.world = world
        self.email = email
        self.client = world.app.test_client()

    def call(self, path: str, body: dict[str, Any]) -> TestResponse:
        return self.client.post(path, json=body, headers={"Origin": PAGES}, base_url=self.world.auth_url)

    def ask_for_link(self, **more: Any) -> ReceivedMail:
        assert self.call("/auth/login", {"email": self.email, **more}).status_code == 202
        return self.world.mail(self.email)

    def open(self, address: str) -> TestResponse:
        return self.client.get(address.removeprefix(self.world.auth_url), base_url=self.world.auth_url)

    def session(self) -> TestResponse:
        return self.client.get("/auth/session", base_url=self.world.auth_url)


def follow(address: str) -> str:
    """Where the project sends a browser that opens this address."""
    answer = requests.get(address, allow_redirects=False, timeout=30)
    assert answer.status_code in (302, 303), answer.text
    return answer.headers["Location"]


def link_of(mail: ReceivedMail) -> dict[str, str]:
    """What the link says, as the confirm page posts it."""
    return {name: values[0] for name, values in parse_qs(urlsplit(mail.link).query).items()}


@contextmanager
def open_world(
    database: Database,
    *,
    keys: KeyStyle = "sb",
    signing: Signing = "ES256",
    templates: bool = True,
    auth: dict[str, Any] | None = None,
    real: bool = False,
    **environ: str,
) -> Iterator[World]:
    """``templates=False`` leaves the project its stock ones; ``auth`` are GotrueOptions; ``real``: by GOTRUE_BIN."""
    port = find_free_port()
    auth_url = f"http://localhost:{port}"
    urls = {name: f"{auth_url}/auth/mail-templates/{name}.html" for name in NAMES} if templates else {}
    options = {"site_url": auth_url, "templates": urls, "mail_every_seconds": 0, **(auth or {})}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory())) if real else None
        project = stack.enter_context(
            SupabaseProject(database, keys=keys, signing=signing, auth=options, real_auth=folder)
        )
        settings = AuthSettings.read(
            {
                **project.settings,
                "SERVICE_TOKEN": SERVICE_TOKEN,
                "AUTH_SECRET": AUTH_SECRET,
                "WEBSOCKET_URL": "http://127.0.0.1:1",
                "AUTH_PUBLIC_URL": auth_url,
                **environ,
            }
        )
        app = create_app(settings)
        app.config["CHECK_ANSWERS"] = True
        world = World(project, app, auth_url)
        stack.callback(parts_of(app).database.close)
        stack.callback(lambda: world.provider.close(5.0))
        stack.callback(parts_of(app).notices.close)
        stack.enter_context(serve(app, port))
        yield world
