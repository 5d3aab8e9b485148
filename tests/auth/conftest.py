"""auth as a Flask app on a real Postgres, with each provider (providers.py), and the people who use it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from services.auth.settings import AuthSettings
from tests.auth import providers
from tests.auth.providers import AUTH_SECRET, OWN_ORIGIN, PROVIDERS, SERVICE_TOKEN, Installation, MakeApp, Provider
from tests.auth.providers import install as install_provider
from tests.auth.providers import parts_of as parts_of
from tests.auth.visitor import Visitor
from tests.conftest import APP_PASSWORD, Database

PAGES = "http://localhost:3000"

Owner = Callable[..., list[tuple[object, ...]]]
LetPass = Callable[[float], None]
__all__ = ["AUTH_SECRET", "OWN_ORIGIN", "PAGES", "SERVICE_TOKEN", "LetPass", "MakeApp", "Owner", "parts_of", "running"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "provider" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("builtin_only")
    assert mark is None or mark.args, "builtin_only needs its reason"
    if mark is None:
        metafunc.parametrize("provider", PROVIDERS, indirect=True, scope="module")


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


def running(database_url: str, **environ: str) -> AbstractContextManager[Flask]:
    return providers.running({"DATABASE_URL": database_url, **environ})


@pytest.fixture(scope="module")
def provider(request: pytest.FixtureRequest) -> Provider:
    provider: Provider = getattr(request, "param", "builtin")
    return provider


@pytest.fixture
def installation(provider: Provider, database: Database, tmp_path: Path) -> Iterator[Installation]:
    with install_provider(provider, database, tmp_path) as installation:
        yield installation


@pytest.fixture
def make_app(installation: Installation) -> MakeApp:
    """Apps on the test's database, with further environment variables."""
    return installation.make_app


@pytest.fixture
def let_pass(installation: Installation) -> LetPass:
    """Makes what the provider keeps so many seconds older."""
    return installation.let_pass


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture(scope="module")
def lasting_app(
    provider: Provider, postgres: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """One app and database for many tests that don't mind each other's rows."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.create_database(name, template)
    database = Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    with install_provider(provider, database, tmp_path_factory.mktemp("auth")) as installation:
        yield installation.make_app()
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
