from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.database import Database
from shared.postgres_database import PostgresDatabase
from shared.supabase_database import SupabaseDatabase
from tests.conftest import Database as Migrated
from tests.people import Known, add_person
from tests.standins.project import SupabaseProject


@dataclass(frozen=True)
class Room:
    """ann and ben share a direct conversation; cho is outside."""

    database: Database
    ann: Known
    ben: Known
    cho: Known
    id: str


@pytest.fixture
def project(database: Migrated) -> Iterator[SupabaseProject]:
    """A Supabase project over the test's database, where db-max-rows would cut whatever it can."""
    with SupabaseProject(database, max_rows=1) as project:
        yield project


@pytest.fixture(params=["psycopg", "rpc"])
def database_port(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    """Each adapter of the port: whatever holds for one holds for the other."""
    port: Database
    if request.param == "psycopg":
        port = PostgresDatabase(database_url)
    else:
        project: SupabaseProject = request.getfixturevalue("project")
        port = SupabaseDatabase(project.url, project.secret_key)
    yield port
    port.close()


@pytest.fixture
def room(database_port: Database) -> Room:
    ann, ben, cho = (add_person(database_port, name) for name in ("Ann", "Ben", "Cho"))
    opened = database_port.call("open_direct", caller=ann.id, recipient=str(ben.id))
    return Room(database_port, ann, ben, cho, opened["conversation_id"])
