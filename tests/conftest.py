"""What every suite shares: one PostgreSQL per test process, and a fresh migrated database for each test."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from ops.errors import SetupError
from ops.migrate import APP_ROLE, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from ops.second_look import CRASHED
from tests import lean
from tests.engines import _broker_process, _redis_process, broker, engine_guard, redis_server
from tests.order import pytest_xdist_make_scheduler

__all__ = ["_broker_process", "_redis_process", "broker", "engine_guard", "pytest_xdist_make_scheduler", "redis_server"]

if TYPE_CHECKING:
    from tests.system.stacks import Stacks

TEMPLATE = "pulse_template"
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 2_000_000_000
APP_PASSWORD = "services-in-tests"
# A test's data need not outlive a power cut, nor its passwords a guesser.
QUICK = (
    *("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off"),
    *("scram_iterations=1", "shared_buffers=32MB", "max_wal_size=64MB", "max_connections=200"),
)

lean.log_plain_tracebacks()
lean.build_addresses_late()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    with lean.keeping_all():
        return (yield)


@dataclass(frozen=True)
class Database:
    """One database: `url` logs in as the services do, `owner_url` as the migrations do."""

    url: str
    owner_url: str


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, sched: Any) -> None:
    """A worker died with this test. Another one runs it again, after which pytest would know of no failure."""
    cache = sched.config.cache
    cache.set(CRASHED, [*cache.get(CRASHED, []), crashitem])


@pytest.fixture(scope="session")
def quick_folder() -> Iterator[Path]:
    """In memory where there is room: a suite makes and drops some thousand databases."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    with TemporaryDirectory(prefix="pulse-tests-", dir=MEMORY if roomy else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(quick_folder: Path) -> Iterator[Cluster]:
    """An empty PostgreSQL server of this test process's own."""
    folder = quick_folder
    for attempt in range(5):
        cluster = Cluster(folder / str(attempt), find_free_port(), secrets.token_urlsafe(16), QUICK)
        server = serve(cluster)
        try:
            running = server.__enter__()
        except SetupError:
            # The port was free a moment ago; somebody else may have taken it.
            if attempt == 4:
                raise
            continue
        try:
            yield running
        finally:
            server.__exit__(None, None, None)
        return


@pytest.fixture(scope="session")
def template(postgres: Cluster) -> str:
    """The name of a migrated, empty database to clone."""
    postgres.create_database(TEMPLATE)
    migrate(postgres.url(TEMPLATE), APP_PASSWORD)
    return TEMPLATE


@pytest.fixture(scope="session")
def administrator(postgres: Cluster) -> Iterator[psycopg.Connection]:
    """The server's owner, who makes and drops databases: kept, as there are many."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def database(postgres: Cluster, template: str, administrator: psycopg.Connection) -> Iterator[Database]:
    """A fresh migrated database, dropped after the test."""
    with clone(postgres, template, administrator) as database:
        yield database


@pytest.fixture(scope="module")
def file_database(postgres: Cluster, template: str, administrator: psycopg.Connection) -> Iterator[Database]:
    """One for all tests of a file: for those that only read, and those whose people never meet."""
    with clone(postgres, template, administrator) as database:
        yield database


@contextmanager
def clone(postgres: Cluster, template: str, administrator: psycopg.Connection) -> Iterator[Database]:
    name = f"test_{secrets.token_hex(6)}"
    # Copying the files is the cheaper way where nothing waits for a disk.
    copy = sql.SQL("create database {} template {} strategy file_copy")
    administrator.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    administrator.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(database: Database) -> str:
    """A fresh migrated database, logged in to as the services are: `pulse_app`."""
    return database.url


@pytest.fixture
def owner_url(database: Database) -> str:
    """The same database as `database_url`, logged in to as its owner."""
    return database.owner_url


@pytest.fixture(scope="session")
def stacks(
    postgres: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Stacks]:
    """Whole systems, one for each mode, which the system and the browser suite share."""
    from tests.system.stacks import STACKS, Stacks  # it imports from here, and much besides

    with Stacks(postgres, template, tmp_path_factory.mktemp("stacks")) as stacks:
        pytestconfig.stash[STACKS] = stacks
        yield stacks


@pytest.fixture
def free_port() -> int:
    return find_free_port()
