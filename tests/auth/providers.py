"""The suite runs with each identity provider: the built-in one, a stand-in for Supabase Auth, and, where GOTRUE_BIN
names it, the real one.

A test that is about what only the built-in provider has or promises says so by ``builtin_only`` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import psycopg
import pytest
from flask import Flask, send_from_directory

from services.auth.addresses import normalise_email
from services.auth.app import create_app
from services.auth.parts import Parts
from services.auth.settings import AuthSettings
from services.auth.supabase.mail_templates import FOLDER, NAMES
from services.auth.supabase.provider import SupabaseProvider
from tests.auth.visitor import INBOX, Mail
from tests.conftest import Database
from tests.standins.project import SupabaseProject
from tests.standins.real_gotrue import PROGRAM
from tests.standins.server import serve

MakeApp = Callable[..., Flask]
Provider = Literal["builtin", "supabase", "supabase-real"]
PROVIDERS: tuple[Provider, ...] = ("builtin", "supabase", "supabase-real") if PROGRAM else ("builtin", "supabase")
SERVICE_TOKEN = "a-service-token-of-thirty-two-characters"
AUTH_SECRET = "an-auth-secret-of-thirty-two-characters"
OWN_ORIGIN = "http://localhost:5001"
DRAIN_SECONDS = 30.0

builtin_only = pytest.mark.builtin_only
TOLD_BY_SUPABASE = "Supabase Auth can't be asked about a link without using it up"
ONE_LINK = "Supabase Auth keeps one live link for each person"
OWN_TABLES = "looks into the built-in provider's own tables"
OWN_TOKENS = "the project signs its own access tokens, and decides how long they live"
SEALED = "with Supabase Auth the link carries a sealed request instead"
UNTOLD = "with Supabase Auth the page learns whose link it is from the sealed request in its address"
MAILED = "Supabase Auth sends its mails itself"
INDEPENDENT = "the provider has no part in it"
ASCII = "Supabase Auth takes ASCII addresses only"


class Installation(Protocol):
    """Apps over one database and one provider."""

    sessions: str
    opened_at: str
    """The table of sessions, with ``idle_until`` and ``expires_at``, and its column of when they began."""

    def make_app(self, **environ: str) -> Flask: ...

    def let_pass(self, seconds: float) -> None:
        """Makes what the provider keeps that much older."""


def parts_of(app: Flask) -> Parts:
    parts: Parts = app.extensions["pulse.auth"]
    return parts


@contextmanager
def running(environ: dict[str, str]) -> Iterator[Flask]:
    common = {"SERVICE_TOKEN": SERVICE_TOKEN, "AUTH_SECRET": AUTH_SECRET, "WEBSOCKET_URL": "http://127.0.0.1:1"}
    app = create_app(AuthSettings.read({**common, **environ}))
    app.config["CHECK_ANSWERS"] = True
    try:
        yield app
    finally:
        parts = parts_of(app)
        parts.notices.close()
        if isinstance(parts.provider, SupabaseProvider):
            parts.provider.close()
        parts.database.close()


class Builtin:
    sessions, opened_at = "builtin_auth.sessions", "created_at"

    def __init__(self, database: Database, stack: ExitStack) -> None:
        self._database, self._stack = database, stack

    def make_app(self, **environ: str) -> Flask:
        return self._stack.enter_context(running({"DATABASE_URL": self._database.url, **environ}))

    def let_pass(self, seconds: float) -> None:
        with psycopg.connect(self._database.owner_url, autocommit=True) as owner:
            for table, columns in (("refresh_tokens", ("spent_at",)), ("links", ("created_at", "expires_at"))):
                moved = ", ".join(f"{column} = {column} - make_interval(secs => {seconds})" for column in columns)
                owner.execute(f"update builtin_auth.{table} set {moved}".encode())


class Supabase:
    """Mails are read from the project's mail server once whatever was to be sent has been."""

    sessions, opened_at = "public.supabase_sessions", "opened_at"

    def __init__(self, project: SupabaseProject, stack: ExitStack) -> None:
        self.project, self._stack = project, stack

    def make_app(self, **environ: str) -> Flask:
        app = self._stack.enter_context(running({**self.project.settings, **environ}))
        app.extensions[INBOX] = lambda email: self._read(app, email)
        return app

    def let_pass(self, seconds: float) -> None:
        self.project.auth_server.let_pass(seconds)

    def _read(self, app: Flask, email: str) -> list[Mail]:
        provider = parts_of(app).provider
        assert isinstance(provider, SupabaseProvider)
        provider.close(DRAIN_SECONDS)
        mails = self.project.mailbox.mails_to(normalise_email(email))
        return [Mail(mail.link, mail.code, mail.subject) for mail in reversed(mails)]


@contextmanager
def serve_templates() -> Iterator[str]:
    """The mails' templates, where GoTrue may fetch them before auth itself runs."""
    app = Flask(__name__)
    app.add_url_rule("/<name>", view_func=lambda name: send_from_directory(FOLDER, name))
    with serve(app) as origin:
        yield origin


@contextmanager
def install(provider: Provider, database: Database, folder: Path) -> Iterator[Installation]:
    if provider == "builtin":
        with ExitStack() as stack:
            yield Builtin(database, stack)
    else:
        with install_supabase(provider, database, folder) as supabase:
            yield supabase


@contextmanager
def install_supabase(provider: Provider, database: Database, folder: Path, **auth: Any) -> Iterator[Supabase]:
    """``auth`` are GotrueOptions."""
    with ExitStack() as stack:
        templates = stack.enter_context(serve_templates())
        options = {
            "site_url": OWN_ORIGIN,
            "uri_allow_list": ("https://auth.example.org/**",),
            "templates": {name: f"{templates}/{name}.html" for name in NAMES},
            "mail_every_seconds": 0,
            "access_token_seconds": 600,
            **auth,
        }
        real = folder if provider == "supabase-real" else None
        project = stack.enter_context(SupabaseProject(database, auth=options, real_auth=real))
        yield Supabase(project, stack)
