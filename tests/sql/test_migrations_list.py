"""What the services can say of the schema they meet."""

import psycopg

from ops.migrate import MIGRATIONS
from shared.database import Database


def test_the_services_see_which_migrations_were_applied(database_port: Database) -> None:
    versions = [path.name.partition("_")[0] for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert database_port.call("list_migrations") == {"versions": versions}


def test_files_that_were_run_by_hand_left_no_record(database_port: Database, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("revoke usage on schema supabase_migrations from service_role")
    assert database_port.call("list_migrations") == {"versions": None}
    with psycopg.connect(owner_url) as owner:
        owner.execute("drop schema supabase_migrations cascade")
    assert database_port.call("list_migrations") == {"versions": None}
