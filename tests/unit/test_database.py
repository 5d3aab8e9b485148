"""What callers hear of a database that is there and not as it should be."""

from __future__ import annotations

import psycopg
import pytest

from ops.postgres import Cluster
from shared.errors import Unavailable
from shared.postgres_database import PostgresDatabase
from tests.conftest import Database


def test_functions_may_change_under_connections_that_know_them(database: Database) -> None:
    """As a migration of a later version changes them."""
    make = "create function public.tell(x int) returns {} language sql as $$ select to_{}(x) $$"
    change = "drop function public.tell;" + make.format("jsonb", "jsonb")
    port = PostgresDatabase(database.url, connections=1)
    try:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            owner.execute(make.format("json", "json"))
            owner.execute("grant execute on function public.tell to public")
            assert port.call("tell", x=1) == 1
            owner.execute(change)
            owner.execute("grant execute on function public.tell to public")
            assert port.call("tell", x=2) == 2
            owner.execute("drop function public.tell;" + make.format("json", "json"))
            owner.execute("grant execute on function public.tell to public")
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                port.read("tell", 5.0, x=3)  # in a transaction, which is lost by that
            assert port.read("tell", 5.0, x=3) == b"3"
    finally:
        port.close()


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
