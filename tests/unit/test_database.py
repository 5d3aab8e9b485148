"""What callers hear of a database that is there and not as it should be."""

from __future__ import annotations

import pytest

from ops.postgres import Cluster
from shared.errors import Unavailable
from shared.postgres_database import PostgresDatabase


def test_a_database_that_was_never_migrated_is_said_to_be(postgres: Cluster) -> None:
    postgres.create_database("never_migrated")
    database = PostgresDatabase(postgres.url("never_migrated"))
    try:
        for schema in ("public", "builtin_auth"):
            with pytest.raises(Unavailable, match="not been migrated"):
                database.in_schema(schema).call("list_signing_keys")
    finally:
        database.close()
        postgres.drop_database("never_migrated")
