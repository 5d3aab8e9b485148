"""What fails on the way to PostgREST: a lost answer is never taken for "no", nor for "yes"."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from werkzeug.wrappers import Response

from shared.database import OutcomeUnknown
from shared.errors import DatabaseRefusal, Unavailable
from shared.supabase_database import SupabaseDatabase
from tests.conftest import Database
from tests.people import add_person, item
from tests.sql.conftest import Room
from tests.sql.failing import count_messages, held, kind_of, send, wait_for_lock
from tests.standins.project import SupabaseProject

SEND = "/rest/v1/rpc/send_messages"


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


def test_where_postgrest_keeps_details_to_itself_a_refusal_has_status_and_code(database: Database) -> None:
    with SupabaseProject(database, verbose_errors=False) as project:
        port = SupabaseDatabase(project.url, project.secret_key)
        with pytest.raises(DatabaseRefusal) as refused:
            port.call("get_user", caller=uuid4(), user_id=uuid4())
        port.close()
    assert (refused.value.status, refused.value.code) == (401, "account_unknown")


def test_no_connection_free_in_time_never_ran(database: Database) -> None:
    with SupabaseProject(database, pool=1, pool_acquisition_seconds=0.1) as project:
        port = SupabaseDatabase(project.url, project.secret_key)
        locked = held(database.owner_url, "lock table outbox in access exclusive mode")
        with locked as owner, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(port.call, "measure_outbox")
            wait_for_lock(owner)
            assert kind_of(lambda: port.call("measure_outbox")) is Unavailable
            owner.rollback()
            assert waiting.result(timeout=30)["waiting"] == 0
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
def test_only_the_secret_key_of_this_project_lets_in(database: Database, style: Any) -> None:
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
