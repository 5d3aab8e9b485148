from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.postgres_database import PostgresDatabase
from tests.people import Known, add_person


@dataclass(frozen=True)
class Room:
    """ann and ben share a direct conversation; cho is outside."""

    database: PostgresDatabase
    ann: Known
    ben: Known
    cho: Known
    id: str


@pytest.fixture
def database_port(database_url: str) -> Iterator[PostgresDatabase]:
    port = PostgresDatabase(database_url)
    yield port
    port.close()


@pytest.fixture
def room(database_port: PostgresDatabase) -> Room:
    ann, ben, cho = (add_person(database_port, name) for name in ("Ann", "Ben", "Cho"))
    opened = database_port.call("open_direct", caller=ann.id, recipient=str(ben.id))
    return Room(database_port, ann, ben, cho, opened["conversation_id"])
