"""Sessions of a Supabase project end here without deadlocks, and stay ended while Supabase Auth was not told."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.database import Contention, Database
from shared.postgres_database import PostgresDatabase
from tests.conftest import Database as Migrated

REVOKED = "select extract(epoch from max(expires_at) - now()) / 3600 from revocations where session_id = %s"


def keep(port: Database, user_id: UUID, session_id: UUID) -> None:
    answer = port.call(
        "keep_supabase_session",
        session_id=session_id,
        user_id=user_id,
        email=f"{user_id}@example.org",
        newcomer={"may_join": True, "is_admin": False, "first_is_admin": False, "name": "Ann"},
        refresh_hash=f"of {session_id}",
        token_expires_at=time.time() + 600,
        idle_seconds=10_000,
        session_seconds=100_000,
    )
    assert answer["outcome"] == "kept"


def end(port: Database, user_id: UUID, session_id: UUID, *, everywhere: bool) -> Any:
    return port.call(
        "end_supabase_session",
        session_id=session_id,
        user_id=user_id,
        refresh_hash=None,
        token_expires_at=time.time() + 600,
        everywhere=everywhere,
    )


def tell(port: Database, session_id: UUID, *, everywhere: bool) -> None:
    port.call("note_supabase_session_told", session_id=session_id, everywhere=everywhere)


def revoked_hours(owner_url: str, session_id: UUID) -> float:
    with psycopg.connect(owner_url) as owner:
        row = owner.execute(REVOKED, [str(session_id)]).fetchone()
    assert row is not None
    return float(row[0] or 0)


def let_revocations_end(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update revocations set expires_at = now() - interval '1 second'")


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "opened elsewhere"])
def test_signing_out_here_and_everywhere_at_once_is_no_deadlock(database: Migrated, recorded: bool) -> None:
    port = PostgresDatabase(database.url, connections=2)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            ann, first, second = uuid4(), *sorted([uuid4(), uuid4()])
            for session in (first, second) if recorded else (uuid4(),):
                keep(port, ann, session)
            other = second if recorded else first
            barrier = Barrier(2)

            def sign_out(session: UUID, everywhere: bool, ann: UUID = ann, barrier: Barrier = barrier) -> Any:
                barrier.wait()
                return end(port, ann, session, everywhere=everywhere)

            both = [pool.submit(sign_out, first, True), pool.submit(sign_out, other, False)]
            assert [one.result()["user_id"] for one in both] == [str(ann)] * 2
    port.close()


def test_a_lock_that_is_not_had_in_time_is_contention_and_not_a_wait_for_ever(database: Migrated) -> None:
    port = PostgresDatabase(database.url)
    ann, session = uuid4(), uuid4()
    keep(port, ann, session)
    began = time.monotonic()
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("lock table revocations in share row exclusive mode")
        with pytest.raises(Contention):
            end(port, ann, session, everywhere=False)
        owner.execute("select from users where id = %s for update", [ann])
        with pytest.raises(Contention):
            keep(port, ann, session)
    assert time.monotonic() - began < 60
    assert end(port, ann, session, everywhere=False) == {"session_id": str(session), "user_id": str(ann)}
    port.close()


def test_what_supabase_was_not_told_of_stays_revoked_and_what_it_was_told_of_need_not(
    database_port: Database, owner_url: str
) -> None:
    ann, told, untold, open_one = uuid4(), uuid4(), uuid4(), uuid4()
    for session in (told, untold, open_one):
        keep(database_port, ann, session)
    for session in (told, untold):
        end(database_port, ann, session, everywhere=False)
    tell(database_port, told, everywhere=False)
    assert 0.9 < revoked_hours(owner_url, untold) < 1.1
    assert database_port.call("renew_supabase_revocations") == {"renewed": 0}  # there is time yet
    for _ in range(2):
        let_revocations_end(owner_url)
        database_port.call("sweep_sign_ins")
        assert [round(revoked_hours(owner_url, one)) for one in (untold, open_one)] == [24, 0]
        assert revoked_hours(owner_url, told) <= 0
    tell(database_port, untold, everywhere=False)
    let_revocations_end(owner_url)
    assert database_port.call("renew_supabase_revocations") == {"renewed": 0}


def test_a_sign_out_everywhere_is_told_for_all_that_were_open_and_for_none_since(
    database_port: Database, owner_url: str
) -> None:
    ann, ben = uuid4(), uuid4()
    phone, desk, later, of_ben = uuid4(), uuid4(), uuid4(), uuid4()
    for who, session in ((ann, phone), (ann, desk), (ben, of_ben)):
        keep(database_port, who, session)
    end(database_port, ann, phone, everywhere=True)
    keep(database_port, ann, later)
    end(database_port, ann, later, everywhere=False)
    end(database_port, ben, of_ben, everywhere=False)
    tell(database_port, phone, everywhere=True)
    let_revocations_end(owner_url)
    assert database_port.call("renew_supabase_revocations") == {"renewed": 2}
    assert [revoked_hours(owner_url, one) > 1 for one in (phone, desk, later, of_ben)] == [False, False, True, True]
