"""What each adapter raises when a call fails: the same kinds, whatever it was that failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql

from shared.database import Contention, Database, OutcomeUnknown
from shared.errors import DatabaseRefusal, Malformed, Unavailable
from shared.postgres_database import PostgresDatabase
from shared.supabase_database import SupabaseDatabase
from tests.people import item
from tests.sql.conftest import Room
from tests.sql.failing import count_messages, held, kind_of, send, wait_for_lock


def test_a_refusal_has_status_code_and_data(room: Room) -> None:
    with pytest.raises(DatabaseRefusal) as refused:
        room.database.call("list_conversations", caller=room.ann.id, page_limit=1, cursor="zz")
    assert refused.value.status == 422
    assert refused.value.body() == {
        "code": "malformed",
        "message": "Malformed.",
        "fields": [{"field": "cursor", "problem": "is not one of ours"}],
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "no uuid"},
        {"content": "a\x00b"},
        {"content": "\ud800"},
        {"sender_id": "\udfff"},
        {"sender_id": 7},
    ],
    ids=["no uuid", "NUL", "lone surrogate", "surrogate as uuid", "number as uuid"],
)
def test_a_value_that_can_not_be_is_malformed(room: Room, owner_url: str, changed: dict[str, Any]) -> None:
    send(room, item(room.ann, room.id))
    assert kind_of(lambda: send(room, item(room.ann, room.id, **changed))) is Malformed
    assert count_messages(owner_url) == 1


def test_a_deadlock_is_contention(room: Room, owner_url: str) -> None:
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    low, high = sorted([room.id, other])
    lock = "select 1 from conversations where id = %s for update"
    with held(owner_url, lock, high) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute("set deadlock_timeout = '1h'")  # so that it is the call that is given up
        batch = [item(room.ann, one) for one in (low, high)]
        waiting = pool.submit(room.database.call, "send_messages", messages=batch)
        wait_for_lock(rival)
        rival.execute(lock, [low])
        assert waiting.exception(timeout=20).__class__ is Contention
    assert count_messages(owner_url) == 0


def test_a_lock_that_is_not_had_in_time_is_contention(room: Room, owner_url: str) -> None:
    with held(owner_url, "select 1 from conversations where id = %s for update", room.id):
        assert kind_of(lambda: send(room, item(room.ann, room.id))) is Contention
    assert send(room, item(room.ann, room.id))["status"] == 201


def test_a_call_that_takes_too_long_may_have_happened(
    database_port: Database, room: Room, owner_url: str, request: pytest.FixtureRequest
) -> None:
    slow = database_port
    with psycopg.connect(owner_url, autocommit=True) as owner:
        # service_role's counts for PostgREST, once it has read it; pulse_app's from its next login.
        for role in ("service_role", "pulse_app"):
            name = owner_url.rpartition("/")[2]
            alter = sql.SQL("alter role {} in database {} set statement_timeout = '800ms'")
            owner.execute(alter.format(sql.Identifier(role), sql.Identifier(name)))
    if isinstance(database_port, SupabaseDatabase):
        request.getfixturevalue("project").postgrest.reload()
    else:
        slow = PostgresDatabase(request.getfixturevalue("database_url"))
    with held(owner_url, "lock table members in access exclusive mode"):
        ask = {"caller": room.ann.id, "conversation_id": room.id}
        assert kind_of(lambda: slow.call("get_conversation", **ask)) is OutcomeUnknown
    assert slow.call("get_conversation", **ask)["id"] == room.id
    slow.close()


def test_a_connection_that_breaks_under_way_leaves_the_outcome_unknown(room: Room, owner_url: str) -> None:
    once = item(room.ann, room.id)
    with held(owner_url, "lock table messages in access exclusive mode") as owner, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, room, once)
        owner.execute("select pg_terminate_backend(%s, 5000)", [wait_for_lock(owner)])
        assert waiting.exception(timeout=20).__class__ is OutcomeUnknown
    assert (send(room, once)["status"], send(room, once)["status"]) == (201, 200)
    assert count_messages(owner_url) == 1


@pytest.mark.parametrize(("function", "arguments"), [("not_there", {}), ("send_messages", {"letters": []})])
def test_a_function_that_is_not_there_has_not_been_migrated(
    database_port: Database, function: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(Unavailable, match="not been migrated") as raised:
        database_port.call(function, **arguments)
    assert raised.type is Unavailable
