"""People made, renamed and deleted where Supabase Auth has the accounts, and what becomes of it when that is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services.auth.people import remove_left_accounts
from tests.auth.conftest import parts_of
from tests.auth.supabase_world import Person, World, open_world
from tests.conftest import Database
from tests.standins.faults import Kind
from tests.standins.real_gotrue import PROGRAM

USERS = "/auth/v1/admin/users"
AWAY: tuple[Kind, ...] = ("bad gateway before", "bad gateway after", "hang up before", "hang up after")


@pytest.fixture(params=[False, True] if PROGRAM else [False], ids=lambda real: "real" if real else "stand-in")
def real(request: pytest.FixtureRequest) -> bool:
    """Whether the project has the real server, which GOTRUE_BIN names."""
    return bool(request.param)


@pytest.fixture
def world(database: Database, real: bool) -> Iterator[World]:
    """Only the invited may come in."""
    with open_world(database, SIGNUP="invited", ADMIN_EMAILS="ann@example.org", real=real) as world:
        yield world


@pytest.fixture
def ann(world: World) -> Person:
    return world.person("ann").enter()


def create(admin: Person, email: str, **more: Any) -> TestResponse:
    return admin.call("POST", "/users", json={"email": email, **more})


def invite(admin: Person, name: str) -> Person:
    """Somebody whom an admin made and who has come in."""
    person = admin.world.person(name)
    assert create(admin, person.email).status_code == 201
    person.keep(person.use(admin.world.mail(person.email)))
    return person


def delete(visitor: Person, user: Person) -> TestResponse:
    return visitor.call("DELETE", f"/users/{user.user['id']}")


def log_in(person: Person, password: str) -> TestResponse:
    return person.call("POST", "/auth/login", json={"email": person.email, "password": password})


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def remove_left(world: World) -> int:
    return remove_left_accounts(parts_of(world.app).database, world.provider)


def accounts(world: World) -> dict[str, Any]:
    """GoTrue's, by address."""
    return {str(user.email): user for user in world.provider.gotrue.admin().list_users()}


def test_whoever_an_admin_makes_is_invited_by_mail_and_comes_in(world: World, ann: Person) -> None:
    dee = world.person("dee.light")
    made = create(ann, "Dee.Light@example.org")
    assert made.status_code == 201
    user = made.get_json()
    assert (user["name"], user["email"], user["role"]) == ("Dee Light", dee.email, "member")
    dee.keep(dee.use(world.mail(dee.email)))
    assert (dee.user["id"], dee.user["name"]) == (user["id"], "Dee Light")
    assert accounts(world)[dee.email].id == user["id"]
    assert dee.refresh().status_code == 200
    assert said(create(dee, "eve@example.org")) == (403, "not_allowed")
    assert said(create(world.person(""), "eve@example.org")) == (401, "not_authenticated")
    assert said(create(ann, dee.email)) == (409, "email_taken")
    assert "eve@example.org" not in accounts(world)


def test_an_invitation_comes_also_where_the_project_lets_nobody_sign_up(database: Database, real: bool) -> None:
    options = {"disable_signup": True}
    with open_world(database, SIGNUP="invited", ADMIN_EMAILS="ann@example.org", real=real, auth=options) as world:
        parts = parts_of(world.app)
        account = world.provider.create_account("ann@example.org", "Ann")
        made = {"user_id": account, "email": "ann@example.org", "name": "Ann", "is_admin": True}
        parts.database.call("ensure_user", **made)
        assert invite(world.person("ann").enter(), "dee").user["role"] == "member"


def test_an_account_of_before_is_taken_over(world: World, ann: Person) -> None:
    before = world.provider.create_account("dee@example.org", "Dee")
    assert create(ann, "dee@example.org").get_json()["id"] == str(before)


def test_somebody_invited_whose_address_waited_for_confirmation_comes_in(database: Database, real: bool) -> None:
    options = {"disable_signup": True}
    with open_world(database, SIGNUP="invited", ADMIN_EMAILS="ann@example.org", real=real, auth=options) as world:
        gotrue = world.provider.gotrue
        gotrue.admin().create_user({"email": "ann@example.org", "email_confirm": True})
        gotrue.admin().create_user({"email": "dee@example.org", "password": "a stranger's"})
        ann, dee = world.person("ann").enter(), world.person("dee")
        assert create(ann, dee.email).status_code == 201
        assert log_in(dee, "a stranger's").status_code == 401
        dee.keep(dee.use(world.mail(dee.email)))
        assert log_in(dee, "a stranger's").status_code == 401


def test_a_password_from_before_the_invitation_does_not_count(world: World, ann: Person) -> None:
    dee = world.person("dee")
    admin = world.provider.gotrue.admin()
    admin.create_user({"email": dee.email, "password": "a stranger's", "email_confirm": True})
    assert create(ann, dee.email).status_code == 201
    assert log_in(dee, "a stranger's").status_code == 401
    dee.keep(dee.use(world.mail(dee.email)))
    admin.update_user_by_id(dee.user["id"], {"password": "dee's own"})
    assert create(ann, dee.email).status_code == 409
    assert log_in(dee, "dee's own").status_code == 200


def test_the_same_address_at_the_same_moment_makes_one_account(world: World, ann: Person) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: create(ann, "dee@example.org"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    world.mail("dee@example.org")
    assert len(world.project.mailbox.mails_to("dee@example.org")) == 1


@pytest.mark.parametrize("fault", AWAY)
def test_a_creation_that_found_nobody_is_finished_by_a_repeat(world: World, ann: Person, fault: Kind) -> None:
    with world.project.gateway.faults.inject(fault, USERS):
        refused = create(ann, "dee@example.org")
    assert said(refused) == (503, "unavailable")
    assert "Retry-After" in refused.headers
    made = create(ann, "dee@example.org")
    assert made.status_code == 201
    assert accounts(world)["dee@example.org"].id == made.get_json()["id"]


def test_a_creation_whose_row_was_not_written_is_finished_by_a_repeat(world: World, ann: Person) -> None:
    with world.project.gateway.faults.inject("bad gateway before", "/rest/v1/rpc/create_user"):
        assert create(ann, "dee@example.org").status_code == 503
    assert "dee@example.org" in accounts(world)
    assert create(ann, "dee@example.org").status_code == 201


def test_a_new_name_is_told_to_the_project_when_it_listens(world: World, ann: Person) -> None:
    dee = invite(ann, "dee")
    path = f"/users/{dee.user['id']}"
    assert dee.call("PUT", path, json={"name": "Dee L."}).get_json()["name"] == "Dee L."
    world.provider.close()
    assert accounts(world)[dee.email].user_metadata["name"] == "Dee L."
    with world.project.gateway.faults.inject("bad gateway before", USERS) as fault:
        assert ann.call("PUT", path, json={"name": "Dee"}).status_code == 200
        world.provider.close()
        assert fault.met == 1
    assert dee.call("GET", "/auth/session").get_json()["user"]["name"] == "Dee"
    eve = invite(ann, "eve")
    assert said(eve.call("PUT", path, json={"name": "Mallory"})) == (403, "not_allowed")


def test_somebody_who_leaves_is_gone_here_and_at_the_project(world: World, ann: Person) -> None:
    dee = invite(ann, "dee")
    assert delete(dee, dee).status_code == 204
    assert dee.call("GET", "/auth/session").status_code == 401
    assert dee.refresh().status_code == 401
    assert dee.email not in accounts(world)
    seen = ann.call("GET", f"/users/{dee.user['id']}").get_json()
    assert (seen["name"], seen["email"]) == ("Deleted user", None)

    again = create(ann, dee.email)
    assert again.status_code == 201
    assert again.get_json()["id"] != dee.user["id"]
    back = world.person("dee")
    back.keep(back.use(world.mail(dee.email)))
    assert back.user["id"] == again.get_json()["id"]
    assert dee.call("GET", "/auth/session").status_code == 401
    assert said(delete(ann, ann)) == (409, "last_admin")


@pytest.mark.parametrize("fault", AWAY[1:3])
def test_a_deletion_while_the_project_is_away_locks_out_at_once_and_an_admins_repeat_finishes_it(
    world: World, ann: Person, fault: Kind
) -> None:
    dee = invite(ann, "dee")
    with world.project.gateway.faults.inject(fault, USERS):
        assert said(delete(ann, dee)) == (503, "unavailable")
    assert dee.call("GET", "/auth/session").status_code == 401
    assert dee.refresh().status_code == 401
    assert delete(ann, dee).status_code == 204
    assert dee.email not in accounts(world)
    assert remove_left(world) == 0


def test_what_somebody_who_left_could_not_repeat_is_finished_for_them(world: World, ann: Person) -> None:
    dee = invite(ann, "dee")
    with world.project.gateway.faults.inject("bad gateway before", USERS, times=2):
        assert delete(dee, dee).status_code == 503
        assert said(delete(dee, dee)) == (401, "not_authenticated")
        assert remove_left(world) == 0
    assert dee.email in accounts(world)
    assert remove_left(world) == 1
    assert remove_left(world) == 0
    assert dee.email not in accounts(world)


def test_an_account_that_waits_for_its_removal_lets_nobody_in(world: World, ann: Person) -> None:
    dee = invite(ann, "dee")
    with world.project.gateway.faults.inject("bad gateway before", USERS):
        assert delete(dee, dee).status_code == 503
    stranger = world.person("dee")
    assert said(stranger.use(stranger.ask_for_link())) == (401, "account_unknown")
    made = create(ann, dee.email)
    assert made.status_code == 201
    assert made.get_json()["id"] != dee.user["id"]
    stranger.keep(stranger.use(world.mail(dee.email)))
    assert stranger.user["id"] == made.get_json()["id"]


def test_only_the_secret_key_makes_and_removes_accounts(world: World, ann: Person) -> None:
    delete(ann, invite(ann, "dee"))
    asked = [one for one in world.project.gateway.requests if one.path.startswith(USERS)]
    assert {one.method for one in asked} >= {"POST", "DELETE"}
    assert {one.headers["apikey"] for one in asked} == {world.project.secret_key}
    [made] = [json.loads(one.body) for one in asked if one.method == "POST"]
    assert set(made) == {"email", "email_confirm", "user_metadata"}
