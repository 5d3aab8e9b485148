"""auth as a Flask app on a real Postgres, with the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from flask import Flask

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from services.auth.app import create_app
from services.auth.parts import Parts
from services.auth.settings import AuthSettings
from shared.postgres_database import PostgresDatabase
from tests.auth.visitor import Visitor
from tests.conftest import APP_PASSWORD

SERVICE_TOKEN = "a-service-token-of-thirty-two-characters"
AUTH_SECRET = "an-auth-secret-of-thirty-two-characters"
PAGES = "http://localhost:3000"
OWN_ORIGIN = "http://localhost:5001"

MakeApp = Callable[..., Flask]
Owner = Callable[..., list[tuple[object, ...]]]


def read_settings(database_url: str, **environ: str) -> AuthSettings:
    return AuthSettings.read(
        {
            "DATABASE_URL": database_url,
            "SERVICE_TOKEN": SERVICE_TOKEN,
            "AUTH_SECRET": AUTH_SECRET,
            "WEBSOCKET_URL": "http://127.0.0.1:1",
            **environ,
        }
    )


@contextmanager
def running(database_url: str, **environ: str) -> Iterator[Flask]:
    app = create_app(read_settings(database_url, **environ))
    app.config["CHECK_ANSWERS"] = True
    try:
        yield app
    finally:
        parts = parts_of(app)
        parts.notices.close()
        assert isinstance(parts.database, PostgresDatabase)
        parts.database.close()


def parts_of(app: Flask) -> Parts:
    parts: Parts = app.extensions["pulse.auth"]
    return parts


@pytest.fixture
def make_app(database_url: str) -> Iterator[MakeApp]:
    """Apps on the test's database, with further environment variables."""
    with ExitStack() as stack:
        yield lambda **environ: stack.enter_context(running(database_url, **environ))


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture(scope="module")
def lasting_app(postgres: Cluster, template: str) -> Iterator[Flask]:
    """One app and database for many tests that don't mind each other's rows."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.create_database(name, template)
    with running(postgres.url(name, APP_ROLE, APP_PASSWORD)) as app:
        yield app
    postgres.drop_database(name)


@pytest.fixture
def newcomer(lasting_app: Flask) -> Visitor:
    """Somebody nobody has seen before."""
    return Visitor(lasting_app, f"p{secrets.token_hex(6)}@example.org")


@pytest.fixture
def ann(app: Flask) -> Visitor:
    return Visitor(app, "ann@example.org")


@pytest.fixture
def ben(app: Flask) -> Visitor:
    return Visitor(app, "ben@example.org")


@pytest.fixture
def owner(owner_url: str) -> Iterator[Owner]:
    """Runs SQL as the database's owner: to look, and to let time pass."""
    with psycopg.connect(owner_url, autocommit=True) as connection:

        def run(query: str, *values: object) -> list[tuple[object, ...]]:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

        yield run
