"""DATABASE_URL and MIGRATE_DATABASE_URL through a pooler, which may give each transaction another connection."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from ops.migrate import APP_ROLE, migrate
from ops.postgres import Cluster
from shared.errors import AppError
from shared.postgres_database import PostgresDatabase
from tests.conftest import APP_PASSWORD, Database
from tests.ops.pooler import PGBOUNCER, serve_pooler
from tests.people import Known, add_person, item

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer is installed here")

THREADS = 16
ROUNDS = 12
MODES = pytest.mark.parametrize("mode", ["session", "transaction"])


def history(database: PostgresDatabase, caller: Known, room: str) -> list[dict[str, object]]:
    asked = {"conversation_id": room, "peer": None, "before_seq": None, "after_seq": None, "page_limit": 100}
    page = database.call("list_history", caller=caller.id, **asked)
    return list(page["messages"])


@MODES
def test_the_services_calls_work_from_many_threads(tmp_path: Path, database: Database, mode: str) -> None:
    with serve_pooler(tmp_path, mode, database.url, size=8 if mode == "session" else 4) as (url,):
        port = PostgresDatabase(url, connections=8, pooler=mode)
        try:
            ann, ben, cho = (add_person(port, name) for name in ("Ann", "Ben", "Cho"))
            room = port.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]

            def talk(thread: int) -> None:
                # More often than the five times after which psycopg prepares a statement.
                for turn in range(ROUNDS):
                    batch = [item(who, room, f"{thread} {turn}") for who in (ann, ben)]
                    results = port.call("send_messages", messages=batch)["results"]
                    assert all("message" in result for result in results)
                    assert len(history(port, ben, room)) > 0
                    port.call("mark_read", caller=ben.id, conversation_id=UUID(room), read_seq=1)
                    with pytest.raises(AppError):
                        history(port, cho, room)

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(talk, range(THREADS)))
            with psycopg.connect(database.owner_url) as owner:
                counted = owner.execute("select count(*), count(distinct seq), max(seq) from messages").fetchone()
            sent = 2 * THREADS * ROUNDS
            assert counted is not None
            assert counted[:2] == (sent, sent)
        finally:
            port.close()


@pytest.mark.parametrize("declared", [True, False])
def test_only_a_transaction_pooler_that_is_declared_is_left_no_prepared_statements(
    tmp_path: Path, database: Database, declared: bool
) -> None:
    """It hands them to whoever comes next, and keeps them from who made them: then calls fail, as chance has it."""
    with serve_pooler(tmp_path, "transaction", database.url, size=1) as (url,):
        port = PostgresDatabase(url, connections=1, pooler="transaction" if declared else None)
        try:
            ann = add_person(port, "Ann")
            for _ in range(ROUNDS):
                port.call("get_user", caller=ann.id, user_id=ann.id)
            with psycopg.connect(url, autocommit=True, prepare_threshold=None) as stranger:
                left = stranger.execute("select count(*) from pg_prepared_statements").fetchone()
            assert left is not None
            assert (left[0] == 0) == declared
        finally:
            port.close()


@MODES
def test_migrations_go_through_a_pooler_also_two_at_once(tmp_path: Path, postgres: Cluster, mode: str) -> None:
    name = f"pooled_{secrets.token_hex(4)}"
    postgres.create_database(name)
    try:
        with serve_pooler(tmp_path, mode, postgres.url(name), postgres.url(name, APP_ROLE, APP_PASSWORD)) as urls:
            with ThreadPoolExecutor(2) as pool:
                both = list(pool.map(lambda _: migrate(urls[0], APP_PASSWORD), range(2)))
            assert len(both[0]) + len(both[1]) == len({*both[0], *both[1]}) > 10
            assert migrate(urls[0], APP_PASSWORD) == []
            port = PostgresDatabase(urls[1], pooler=mode)
            assert add_person(port, "Ann")
            port.close()
    finally:
        postgres.drop_database(name)
