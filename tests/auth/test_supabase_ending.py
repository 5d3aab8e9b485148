"""What ended here ends at GoTrue too, however that answers; and stays ended here where it can't be told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from structlog.testing import capture_logs

from services.auth.supabase.ending import Ending
from tests.auth.conftest import Owner, parts_of
from tests.auth.supabase_world import Person, World, open_world
from tests.auth.test_supabase_sessions import LOCAL, is_in, session_id
from tests.conftest import Database
from tests.standins.faults import Kind

LOGOUT, TOKEN = "/auth/v1/logout", "/auth/v1/token"
FOR_GOOD = 1_000


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with open_world(database) as world:
        yield world


@pytest.fixture
def ending(world: World) -> Iterator[Ending]:
    """Quicker than auth's own to try again."""
    ending = Ending(parts_of(world.app).database, world.provider.gotrue, waits=(0.05, 0.05))
    yield ending
    ending.close(5.0)


def is_told(owner: Owner, person: Person) -> bool:
    [(told,)] = owner("select told_at is not null from public.supabase_sessions where id = %s", session_id(person))
    return bool(told)


def goes_on(world: World, person: Person) -> str | None:
    """The access token that GoTrue itself gives for the refresh token."""
    answer = requests.post(
        f"{world.project.url}{TOKEN}?grant_type=refresh_token",
        json={"refresh_token": person.refresh_token},
        headers={"apikey": world.project.publishable_key},
        timeout=30,
    )
    return answer.json().get("access_token") if answer.status_code == 200 else None


def let_revocations_end_and_sweep(world: World, owner: Owner) -> None:
    owner("update public.revocations set expires_at = now() - interval '1 second'")
    parts_of(world.app).database.call("sweep_sign_ins")


@pytest.mark.parametrize("fault", ["too many requests", "bad gateway before", "hang up before"])
def test_a_logout_that_is_not_taken_is_repeated(world: World, owner: Owner, fault: Kind) -> None:
    ann = world.person("ann").enter()
    with world.project.gateway.faults.inject(fault, LOGOUT):
        assert ann.call("POST", "/auth/logout", json=LOCAL).status_code == 204
        world.provider.close(10.0)
    assert is_told(owner, ann)
    assert goes_on(world, ann) is None


def test_a_session_that_gotrue_never_heard_of_stays_ended_here(world: World, owner: Owner, ending: Ending) -> None:
    ann, ben = world.person("ann").enter(), world.person("ben").enter()
    database = parts_of(world.app).database
    for person in (ann, ben):
        ended = database.call(
            "end_supabase_session",
            session_id=session_id(person),
            user_id=person.user["id"],
            refresh_hash=None,
            token_expires_at=0.0,
            everywhere=False,
        )
        assert ended["session_id"] == session_id(person)
    with world.project.gateway.faults.inject("too many requests", LOGOUT, times=FOR_GOOD), capture_logs() as logs:
        ending.by_access_token(ann.access_token, None, session_id(ann))
        ending.close(5.0)
    assert [line["event"] for line in logs] == ["not_ended_at_gotrue"]
    ending.by_access_token(ben.access_token, None, session_id(ben))
    ending.close(5.0)
    assert (is_told(owner, ann), is_told(owner, ben)) == (False, True)
    let_revocations_end_and_sweep(world, owner)
    ann.access_token = goes_on(world, ann) or ""
    assert ann.access_token  # it goes on there
    assert not is_in(ann)
    rows = parts_of(world.app).database.call("list_revocations", after_position=0)["revocations"]
    assert [row["session_id"] for row in rows] == [session_id(ann)]


def test_an_access_token_that_ran_out_is_replaced_by_the_refresh_token(
    world: World, owner: Owner, ending: Ending
) -> None:
    ann, ben = world.person("ann").enter(), world.person("ben").enter()
    ending.by_access_token("run.out.long-ago", ann.refresh_token, session_id(ann))
    with capture_logs() as logs:
        ending.by_access_token("run.out.long-ago", None, session_id(ben))
        ending.close(5.0)
    assert [line["event"] for line in logs if line["event"] == "not_ended_at_gotrue"] == ["not_ended_at_gotrue"]
    assert (is_told(owner, ann), is_told(owner, ben)) == (True, False)
    assert (goes_on(world, ann), goes_on(world, ben) is not None) == (None, True)


def test_coming_back_with_an_ended_session_asks_gotrue_once(world: World) -> None:
    ann = world.person("ann").enter()
    with world.project.gateway.faults.inject("bad gateway before", LOGOUT, times=1):
        ann.call("POST", "/auth/logout", json=LOCAL)
        for _ in range(5):
            assert ann.refresh().status_code == 401
        world.provider.close(10.0)
    assert len([one for one in world.project.gateway.requests if one.path == TOKEN]) == 1


def test_what_no_longer_fits_in_the_queue_is_said_and_stays_ended_here(world: World) -> None:
    full = Ending(parts_of(world.app).database, world.provider.gotrue, queued=0)
    with capture_logs() as logs:
        full.by_refresh_token("x" * 12, None)
    assert [line["event"] for line in logs] == ["not_ended_at_gotrue"]
