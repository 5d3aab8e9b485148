"""The migrations as they stand, on every PostgreSQL found here, by owners with and without a superuser's rights."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ops.errors import SetupError
from ops.migrate import APP_ROLE, MIGRATIONS, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from shared.postgres_database import PostgresDatabase
from tests.conftest import APP_PASSWORD, QUICK
from tests.ops.servers import find_servers
from tests.people import add_person, item

HOSTED = (Path(__file__).parent / "hosted_roles.sql").read_text()
# A managed PostgreSQL (Amazon's, Google's…): an owner who may make roles, and none of Supabase's own.
MANAGED = "create role project_owner nosuperuser createdb createrole login"
USABLE_BY_OTHERS = """
    select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        cross join unnest('{anon,authenticated}'::name[]) r
    where n.nspname in ('public', 'builtin_auth') and has_function_privilege(r, p.oid, 'execute')
    union all
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join unnest('{anon,authenticated}'::name[]) r
    where n.nspname in ('public', 'builtin_auth') and c.relkind = 'r' and has_table_privilege(r, c.oid, 'select')
"""


@pytest.fixture(scope="module", params=find_servers().items(), ids=lambda found: f"postgres-{found[0]}")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("server")
    known = tuple(option for option in QUICK if not option.startswith("scram_iterations"))  # Postgres 16 and later
    with serve(Cluster(folder, find_free_port(), secrets.token_urlsafe(16), known, request.param[1])) as running:
        yield running


@pytest.fixture
def prepare(server: Cluster) -> Iterator[Callable[[str], str]]:
    """Runs SQL as the server's superuser; the address at which the role `project_owner` owns an empty database."""
    before = roles(server)

    def run(preparation: str) -> str:
        with psycopg.connect(server.url(), autocommit=True) as superuser:
            superuser.execute("create database project")
        with psycopg.connect(server.url("project"), autocommit=True) as superuser:
            superuser.execute(preparation.encode())
            superuser.execute("alter role project_owner password 'owner'")
            superuser.execute("alter database project owner to project_owner")
        return server.url("project", "project_owner", "owner")

    yield run
    server.drop_database("project")
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        # All in one: they granted each other memberships.
        made = sql.SQL(", ").join(sql.Identifier(role) for role in roles(server) - before)
        superuser.execute(sql.SQL("drop role {}").format(made))


def roles(server: Cluster) -> set[str]:
    with psycopg.connect(server.url()) as superuser:
        return {row[0] for row in superuser.execute("select rolname from pg_roles")}


def check_works(server: Cluster) -> None:
    """The services can log in, write and read; nobody else may use anything."""
    database = PostgresDatabase(server.url("project", APP_ROLE, APP_PASSWORD))
    try:
        ann, ben = add_person(database, "Ann"), add_person(database, "Ben")
        room = database.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]
        sent = database.call("send_messages", messages=[item(ann, room, "hello")])
        assert "message" in sent["results"][0]
        asked = {"conversation_id": room, "peer": None, "before_seq": None, "after_seq": None, "page_limit": 10}
        history = database.call("list_history", caller=ben.id, **asked)
        assert [message["content"] for message in history["messages"]] == ["hello"]
    finally:
        database.close()
    with psycopg.connect(server.url("project")) as superuser:
        assert superuser.execute(USABLE_BY_OTHERS).fetchall() == []


@pytest.mark.parametrize("preparation", [HOSTED, MANAGED], ids=["hosted", "managed"])
def test_an_owner_who_is_no_superuser_can_migrate(
    server: Cluster, prepare: Callable[[str], str], preparation: str
) -> None:
    owner_url = prepare(preparation)
    assert migrate(owner_url, APP_PASSWORD) == [path.name for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert migrate(owner_url, APP_PASSWORD) == []
    check_works(server)


def test_a_superuser_can_migrate_where_no_role_is_there_yet(server: Cluster, prepare: Callable[[str], str]) -> None:
    prepare("create role project_owner")
    migrate(server.url("project"), APP_PASSWORD)
    check_works(server)


def test_an_owner_who_may_not_make_roles_is_told_so(server: Cluster, prepare: Callable[[str], str]) -> None:
    owner_url = prepare("create role project_owner login")
    with pytest.raises(SetupError, match=r"roles\.sql: permission denied to create role"):
        migrate(owner_url, APP_PASSWORD)
