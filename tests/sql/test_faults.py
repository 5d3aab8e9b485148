"""What each adapter raises when a call fails: the same kinds, whatever it was that failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from werkzeug.wrappers import Response

from shared.database import Contention, Database, OutcomeUnknown
from shared.errors import DatabaseRefusal, Malformed, Unavailable
from shared.postgres_database import PostgresDatabase
from shared.supabase_database import SupabaseDatabase
from tests.conftest import Database as Migrated
from tests.people import add_person, item
from tests.sql.conftest import Room
from tests.standins.project import SupabaseProject

SEND = "/rest/v1/rpc/send_messages"


def send(room: Room, message: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = room.database.call("send_messages", messages=[message])["results"][0]
    return result


def count_messages(owner_url: str) -> int:
    with psycopg.connect(owner_url) as owner:
        return int(owner.execute("select count(*) from messages").fetchall()[0][0])


def wait_for_lock(owner: psycopg.Connection) -> int:
    """The backend that waits for what ``owner`` holds; 30 s at most."""
    deadline = time.monotonic() + 30
    waiting = "select pid from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"
    while time.monotonic() < deadline:
        if found := owner.execute(waiting).fetchone():
            return int(found[0])
    raise AssertionError("nobody waited")


@contextmanager
def held(owner_url: str, statement: str, *values: Any) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url) as owner:
        owner.execute(statement.encode(), values)
        yield owner


def kind_of(raised: Callable[[], Any]) -> type[BaseException]:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one it is, is asked next
        raised()
    return caught.type


# On both adapters


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


# On the way to PostgREST


@pytest.fixture
def rpc(project: SupabaseProject) -> Iterator[SupabaseDatabase]:
    """It waits for no answer longer than two seconds."""
    port = SupabaseDatabase(project.url, project.secret_key, answer_seconds=2)
    yield port
    port.close()


@pytest.fixture
def rpc_room(rpc: SupabaseDatabase) -> Room:
    ann, ben, cho = (add_person(rpc, name) for name in ("Ann", "Ben", "Cho"))
    return Room(rpc, ann, ben, cho, rpc.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"])


LOST_BEFORE = ["bad gateway before", "hang before", "hang up before"]
LOST_AFTER = ["bad gateway after", "hang after", "hang up after"]


@pytest.mark.parametrize("kind", [*LOST_BEFORE, *LOST_AFTER])
def test_a_lost_answer_is_an_unknown_outcome_and_the_repeat_is_the_same_message(
    project: SupabaseProject, rpc_room: Room, owner_url: str, kind: Any
) -> None:
    once = item(rpc_room.ann, rpc_room.id)
    with project.gateway.faults.inject(kind, SEND) as fault:
        assert kind_of(lambda: send(rpc_room, once)) is OutcomeUnknown
        assert (fault.met, count_messages(owner_url)) == (1, kind in LOST_AFTER)
        repeated = send(rpc_room, once)
    assert repeated["status"] == (200 if kind in LOST_AFTER else 201)
    assert (count_messages(owner_url), repeated["message"]["id"]) == (1, once["id"])


def test_too_many_requests_never_ran(project: SupabaseProject, rpc_room: Room, owner_url: str) -> None:
    once = item(rpc_room.ann, rpc_room.id)
    with project.gateway.faults.inject("too many requests", SEND):
        assert kind_of(lambda: send(rpc_room, once)) is Unavailable
    assert (count_messages(owner_url), send(rpc_room, once)["status"]) == (0, 201)


def test_a_slow_answer_is_an_answer(project: SupabaseProject, rpc_room: Room) -> None:
    with project.gateway.faults.inject("delay", SEND, seconds=0.3):
        assert send(rpc_room, item(rpc_room.ann, rpc_room.id))["status"] == 201


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, "<h1>Error</h1>", OutcomeUnknown),
        (502, '{"message":"An invalid response was received from the upstream server"}', OutcomeUnknown),
        (503, '{"message":"upstream connect error or disconnect/reset before headers"}', OutcomeUnknown),
        (504, "upstream request timeout", OutcomeUnknown),
        (520, "", OutcomeUnknown),
        (200, "<h1>Welcome</h1>", OutcomeUnknown),
        (401, '{"message":"Invalid API key","hint":"Double check it"}', Unavailable),
        (403, "<h1>Forbidden</h1>", Unavailable),
        (404, '{"message":"no Route matched with those values"}', Unavailable),
        (308, "", Unavailable),
        (429, '{"message":"API rate limit exceeded"}', Unavailable),
        (413, "", Unavailable),
    ],
    ids=["500", "502", "503", "504", "520", "200", "401", "403", "404", "308", "429", "413"],
)
def test_an_answer_of_somebody_before_postgrest_is_known_by_its_status(
    project: SupabaseProject, rpc: SupabaseDatabase, status: int, body: str, kind: type[Exception]
) -> None:
    project.gateway.mount("/rest/v1", Response(body, status, content_type="application/json"))
    assert kind_of(lambda: rpc.call("measure_outbox")) is kind


def test_where_postgrest_keeps_details_to_itself_a_refusal_has_status_and_code(database: Migrated) -> None:
    with SupabaseProject(database, verbose_errors=False) as project:
        port = SupabaseDatabase(project.url, project.secret_key)
        with pytest.raises(DatabaseRefusal) as refused:
            port.call("get_user", caller=uuid4(), user_id=uuid4())
        port.close()
    assert (refused.value.status, refused.value.code) == (401, "account_unknown")


def test_no_connection_free_in_time_never_ran(database: Migrated) -> None:
    with SupabaseProject(database, pool=1, pool_acquisition_seconds=0.1) as project:
        port = SupabaseDatabase(project.url, project.secret_key)
        locked = held(database.owner_url, "lock table outbox in access exclusive mode")
        with locked as owner, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(port.call, "measure_outbox")
            wait_for_lock(owner)
            assert kind_of(lambda: port.call("measure_outbox")) is Unavailable
            owner.rollback()
            assert waiting.result(timeout=10)["waiting"] == 0
        port.close()


def test_the_database_away_never_ran(project: SupabaseProject, rpc: SupabaseDatabase, owner_url: str) -> None:
    assert rpc.call("measure_outbox")["waiting"] == 0
    name = owner_url.rpartition("/")[2]
    with psycopg.connect(owner_url.replace(name, "postgres"), autocommit=True) as owner:
        owner.execute(sql.SQL("alter database {} with allow_connections false").format(sql.Identifier(name)))
        owner.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name])
        assert kind_of(lambda: rpc.call("measure_outbox")) is OutcomeUnknown  # of the connection that was there
        assert kind_of(lambda: rpc.call("measure_outbox")) is Unavailable
        owner.execute(sql.SQL("alter database {} with allow_connections true").format(sql.Identifier(name)))
    assert rpc.call("measure_outbox")["waiting"] == 0


def test_nobody_at_the_projects_address_never_ran(free_port: int) -> None:
    port = SupabaseDatabase(f"http://127.0.0.1:{free_port}", "sb_secret_none")
    assert kind_of(lambda: port.call("measure_outbox")) is Unavailable
    port.close()


@pytest.mark.parametrize("style", ["sb", "jwt"])
def test_only_the_secret_key_of_this_project_lets_in(database: Migrated, style: Any) -> None:
    with SupabaseProject(database, keys=style) as project, SupabaseProject(database, keys=style) as another:
        right = SupabaseDatabase(project.url, project.secret_key)
        assert right.call("measure_outbox")["waiting"] == 0
        right.close()
        for key in (project.publishable_key, another.secret_key, "sb_secret_made_up"):
            port = SupabaseDatabase(project.url, key)
            with pytest.raises(Unavailable, match="does not let this service in") as raised:
                port.call("measure_outbox")
            assert raised.type is Unavailable
            port.close()
