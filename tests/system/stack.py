"""The three services and the page server as real processes on free ports, against one database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests

from ops.guard import Guard
from ops.ports import find_free_port
from tests.conftest import Database
from tests.system.backing import Backing, Embedded, Mode, OnSupabase
from tests.system.contract import Contract
from tests.system.http import Http
from tests.system.person import Person
from tests.system.processes import Process, answers, python_module
from tests.system.waiting import eventually

ATTEMPTS = 3


class Stack:
    """``auth``, ``chat``, ``websocket`` and, once wanted, ``pages``; ``start`` brings up whatever is down."""

    def __init__(self, folder: Path, database: Database, backing: Backing, guard: Guard) -> None:
        self.database = database
        self.backing = backing
        self.service_token = secrets.token_urlsafe(32)
        ports = {name: find_free_port() for name in ("auth", "chat", "websocket", "pages")}
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.public_urls = {name: f"http://localhost:{port}" for name, port in ports.items()}
        self.public_url = self.public_urls["pages"]
        public = {f"{name.upper()}_PUBLIC_URL": url for name, url in self.public_urls.items() if name != "pages"}
        shared = {
            "PATH": os.environ["PATH"],
            "HOST": "127.0.0.1",
            "PUBLIC_URL": self.public_url,
            **public,
            **{f"{name.upper()}_URL": self.urls[name] for name in ports if name != "pages"},
        }
        between = {"SERVICE_TOKEN": self.service_token}
        stored = backing.settings(self.urls["auth"], self.public_urls["auth"])

        self._folder, self._guard, self._shared = folder, guard, shared
        # All of the suite's people come from one address; the README's ann is an admin.
        limits = {"LOGINS_PER_IP": "100000", "CODES_PER_IP": "100000", "ADMIN_EMAILS": "ann@example.org"}
        sends = {"SENDS_PER_MINUTE": "100000"}
        sealing = {"AUTH_SECRET": secrets.token_urlsafe(32)}
        self.auth = self._make("auth", "services.auth", ports["auth"], **between, **stored, **sealing, **limits)
        self.chat = self._make("chat", "services.chat", ports["chat"], WORKERS="2", **sends, **between, **stored)
        self.websocket = self._make(
            "websocket", "services.websocket", ports["websocket"], PRESENCE_GRACE_SECONDS="3", **between
        )
        self.pages = self._make("pages", "frontend.server", ports["pages"], ready="/config.json")
        self.processes = [self.auth, self.chat, self.websocket]
        self.secrets = [self.service_token, *sealing.values(), *backing.secrets]
        self._contracts: dict[str, Contract] = {}
        self._people: list[Person] = []

    def start(self) -> None:
        """Returns when all are ready."""
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_until_ready()

    def serve_pages(self) -> None:
        """For who looks at them in a browser; they must have been built."""
        if self.pages not in self.processes:
            self.processes.append(self.pages)
            self.start()

    def stop(self) -> None:
        with ThreadPoolExecutor(len(self.processes)) as pool:
            list(pool.map(Process.stop, self.processes))

    def another(self, process: Process, name: str, **settings: str) -> Process:
        """One more process of the same service on a port of its own, with these settings changed. Not started."""
        port = find_free_port()
        self.urls[name] = f"http://127.0.0.1:{port}"
        return process.copy(name, port, self._folder / f"{name}.log", answers(self.urls[name] + "/readyz"), settings)

    def _make(self, name: str, module: str, port: int, *, ready: str = "/readyz", **own: str) -> Process:
        environment = {**self._shared, "PORT": str(port), **own}
        is_ready = answers(self.urls[name] + ready)
        log_path = self._folder / f"{name}.log"
        return Process(name, python_module(module), environment, port, log_path, self._guard, is_ready)

    def contract(self, name: str) -> Contract:
        if name not in self._contracts:
            self._contracts[name] = Contract(requests.get(self.urls[name] + "/openapi.json", timeout=30).json())
        return self._contracts[name]

    def http(self, name: str, token: str | None = None) -> Http:
        """Calls to one service."""
        return Http(self.urls[name], self.contract(name), token)

    def sign_in(self, name: str, at: str = "auth") -> Person:
        """By mailed link, with an address nobody had before, at one of the auth processes."""
        return self.sign_in_as(new_email(name), at)

    def sign_in_as(self, email: str, at: str = "auth") -> Person:
        """By mailed link."""
        session = self.confirm(self.mail_link(email)["token_hash"], at)
        person = Person(self.http("auth"), self.http("chat"), self.urls["websocket"], session)
        self._people.append(person)
        return person

    def mail_link(self, email: str) -> dict[str, str]:
        """Asks for a link: {link, token_hash, code} of the mail that came."""
        before = len(self.backing.mails_to(email))
        auth = self.http("auth")
        auth.post("/auth/login", {"email": email}, status=202)
        auth.close()
        mails = eventually(lambda: self._newer_mails(email, before), "the mail")
        return self._read_mail(mails[0])

    def _newer_mails(self, email: str, before: int) -> list[dict[str, str]]:
        mails = self.backing.mails_to(email)
        return mails if len(mails) > before else []

    def find_mail(self, email: str) -> dict[str, str]:
        """{link, token_hash, code} of the newest mail to somebody."""
        return self._read_mail(eventually(lambda: self.backing.mails_to(email), "the mail")[0])

    def _read_mail(self, mail: dict[str, str]) -> dict[str, str]:
        query = parse_qs(urlsplit(mail["link"]).query)
        return {"link": mail["link"], "code": mail["code"], "token_hash": query["token_hash"][0]}

    def confirm(self, token_hash: str, at: str = "auth") -> dict[str, Any]:
        """The session a link gives."""
        auth = self.http(at)
        session: dict[str, Any] = auth.post("/auth/confirm", {"token_hash": token_hash})
        auth.close()
        return session

    def part(self) -> None:
        """Everybody leaves, and what a test broke is brought up again."""
        for person in self._people:
            person.leave()
        self._people.clear()
        for process in self.processes:
            if process.is_running:
                process.resume()
        self.start()

    def count(self, query: LiteralString, *values: Any) -> int:
        """What ``select count(*) <query>`` says to the database's owner."""
        with psycopg.connect(self.database.owner_url) as connection:
            row = connection.execute(f"select count(*) {query}", values).fetchone()
        assert row
        return int(row[0])

    def execute(self, statement: LiteralString, *values: Any) -> None:
        """As the database's owner."""
        with psycopg.connect(self.database.owner_url) as connection:
            connection.execute(statement, values or None)


def new_email(name: str) -> str:
    return f"{name}.{secrets.token_hex(4)}@example.org"


@contextmanager
def running_stack(folder: Path, database: Database, mode: Mode = "embedded") -> Iterator[Stack]:
    """A stack for the length of the block; its processes end with it, or with pytest however that ends."""
    guard = Guard()
    try:
        for attempt in range(ATTEMPTS):
            place = folder / str(attempt)
            place.mkdir(parents=True)
            with OnSupabase(database) if mode == "supabase" else Embedded(database) as backing:
                stack = Stack(place, database, backing, guard)
                try:
                    stack.start()
                except AssertionError as reason:
                    stack.stop()
                    # A port was free a moment ago; somebody else may have taken it.
                    if attempt + 1 == ATTEMPTS or "in use" not in str(reason):
                        raise
                    continue
                try:
                    yield stack
                finally:
                    stack.stop()
                return
    finally:
        guard.close()
