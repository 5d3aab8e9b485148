"""What a stack's people and messages are kept in: Pulse's own provider and Postgres, or a Supabase project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from services.auth.supabase.mail_templates import NAMES
from tests.conftest import Database
from tests.standins.project import AUTHENTICATOR_PASSWORD, SupabaseProject
from tests.standins.real_gotrue import PROGRAM

Mode = Literal["embedded", "supabase"]


class Backing(Protocol):
    """``mode`` names it; ``secrets`` may be in no log and no bundle. Use it as a context."""

    mode: Mode
    secrets: list[str]

    def settings(self, auth_url: str, auth_public_url: str) -> dict[str, str]:
        """Told where auth will be, the environment of auth, chat and websocket."""

    def mails_to(self, email: str) -> list[dict[str, str]]:
        """{link, code} of each, newest first."""

    def links_aged(self, minutes: int) -> AbstractContextManager[None]:
        """A context in which the mailed links are so much older."""

    def spent_tokens_aged(self, seconds: int) -> AbstractContextManager[None]:
        """A context in which refresh tokens were traded so much longer ago."""

    def short_tokens(self, seconds: int) -> AbstractContextManager[dict[str, str]]:
        """A context in which an auth process with the settings it gives hands out access tokens of that length."""

    def __enter__(self) -> Backing: ...

    def __exit__(self, *_: object) -> None: ...


class Embedded:
    mode: Mode = "embedded"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._auth_url = ""
        self.secrets = [database.url, urlsplit(database.url).password or ""]

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settings(self, auth_url: str, auth_public_url: str) -> dict[str, str]:  # noqa: ARG002  # of another mode
        self._auth_url = auth_url
        return {"DATABASE_URL": self._database.url}

    def mails_to(self, email: str) -> list[dict[str, str]]:
        inbox = requests.get(
            f"{self._auth_url}/dev/inbox", {"email": email}, headers={"Accept": "application/json"}, timeout=30
        )
        mails: list[dict[str, str]] = inbox.json()["mails"]
        return mails

    @contextmanager
    def links_aged(self, minutes: int) -> Iterator[None]:
        with psycopg.connect(self._database.owner_url) as owner:
            for column in ("created_at", "expires_at"):
                owner.execute(
                    f"update builtin_auth.links set {column} = {column} - interval '1 minute' * %s", [minutes]
                )
        yield

    @contextmanager
    def spent_tokens_aged(self, seconds: int) -> Iterator[None]:
        with psycopg.connect(self._database.owner_url) as owner:
            spent = "update builtin_auth.refresh_tokens set spent_at = spent_at - interval '1 second' * %s"
            owner.execute(spent, [seconds])
        yield

    @contextmanager
    def short_tokens(self, seconds: int) -> Iterator[dict[str, str]]:
        yield {"ACCESS_TOKEN_SECONDS": str(seconds)}


class OnSupabase:
    """A project of its own: people sign in at Supabase Auth, the data is reached by RPC only.

    Auth is the real server where GOTRUE_BIN names one, else the stand-in for it.
    """

    mode: Mode = "supabase"

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stack = ExitStack()
        self.secrets: list[str] = []

    def __enter__(self) -> OnSupabase:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self, auth_url: str, auth_public_url: str) -> dict[str, str]:
        # Fetched from auth itself, as a self-hosted Supabase Auth does.
        templates = {name: f"{auth_url}/auth/mail-templates/{name}.html" for name in NAMES}
        auth = {
            "site_url": auth_public_url,
            "templates": templates,
            "access_token_seconds": 600,
            "mail_every_seconds": 0,
        }
        real = Path(self._stack.enter_context(TemporaryDirectory(prefix="pulse-"))) if PROGRAM else None
        self._project = self._stack.enter_context(SupabaseProject(self._database, auth=auth, real_auth=real))
        self.secrets = [self._project.secret_key, self._project.jwt_secret, AUTHENTICATOR_PASSWORD]
        return self._project.settings

    def mails_to(self, email: str) -> list[dict[str, str]]:
        if any(self._project.gateway.is_answering(f"/auth/v1/{path}") for path in ("otp", "recover")):
            return []  # a link works once its mail is out; whoever looks, looks again
        return [{"link": mail.link, "code": mail.code} for mail in reversed(self._project.mailbox.mails_to(email))]

    def links_aged(self, minutes: int) -> AbstractContextManager[None]:
        return self._later(minutes * 60)

    def spent_tokens_aged(self, seconds: int) -> AbstractContextManager[None]:
        return self._later(seconds)

    @contextmanager
    def short_tokens(self, seconds: int) -> Iterator[dict[str, str]]:
        if PROGRAM:
            pytest.skip("the real server keeps to the token length it was started with")
        usual = self._project.gotrue.options.access_token_seconds
        self._project.gotrue.change(access_token_seconds=seconds)
        try:
            yield {}
        finally:
            self._project.gotrue.change(access_token_seconds=usual)

    @contextmanager
    def _later(self, seconds: int) -> Iterator[None]:
        self._project.auth_server.let_pass(seconds)
        try:
            yield
        finally:
            self._project.auth_server.let_pass(-seconds)
