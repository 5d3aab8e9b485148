"""Each case of GoTrue's wire runs on the stand-in, and on the real server where there is one; PostgREST's on ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.postgres import Cluster
from tests.standins.documented import DOCUMENTED, KEYS, MakeServer, Server
from tests.standins.mailbox import Mailbox, serve_mailbox
from tests.standins.postgrest import Config, PostgREST
from tests.standins.project import let_in
from tests.standins.real_gotrue import PROGRAM
from tests.standins.wire import Kind, Wire, serve_wire

KINDS: tuple[Kind, ...] = ("stand-in", "real") if PROGRAM else ("stand-in",)
MakeWire = Callable[..., Wire]


@pytest.fixture(params=KINDS, scope="module")
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with serve_mailbox() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def wire(kind: Kind, mailbox: Mailbox, postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One server for many tests, whose people don't meet."""
    with serve_wire(kind, mailbox, postgres, tmp_path_factory.mktemp("gotrue"), mail_every_seconds=1) as wire:
        yield wire


@pytest.fixture
def make_wire(kind: Kind, mailbox: Mailbox, postgres: Cluster, tmp_path: Path) -> Iterator[MakeWire]:
    """Servers with options of their own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve_wire(kind, mailbox, postgres, tmp_path, **options))


@pytest.fixture
def make_standin(mailbox: Mailbox, postgres: Cluster, tmp_path: Path) -> Iterator[MakeWire]:
    """For what a real server needs the internet for."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve_wire("stand-in", mailbox, postgres, tmp_path, **options))


@pytest.fixture(scope="module")
def owner(postgres: Cluster, template: str) -> Iterator[str]:
    """A database with the functions of ``documented.sql`` in schema ``api``; its owner's address."""
    name = f"postgrest_{secrets.token_hex(4)}"
    postgres.create_database(name, template)
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute(DOCUMENTED.encode())
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def make_server(owner: str) -> Iterator[MakeServer]:
    made: list[PostgREST] = []
    url = let_in(owner)

    def make(**changed: Any) -> Server:
        fields = {"url": url, "jwt_secret": KEYS.jwt_secret, "jwks": KEYS.jwks, "schema": "api", **changed}
        made.append(PostgREST(Config(**fields)))
        return Server(made[-1])

    yield make
    for app in made:
        app.close()


@pytest.fixture(scope="module")
def server(make_server: MakeServer) -> Server:
    return make_server()
