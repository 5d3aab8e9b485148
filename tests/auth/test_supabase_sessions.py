"""Sessions at a Supabase project: refreshed, ended here and there, and never somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import jwt
import pytest
from supabase_auth import SyncGoTrueClient

from services.auth.supabase.gotrue import TIMEOUT
from tests.auth.conftest import PAGES, SERVICE_TOKEN, Owner
from tests.auth.supabase_world import Browser, Person, World, link_of, open_world
from tests.conftest import Database
from tests.standins.keys import KeyStyle, Signing

LOCAL, GLOBAL = {"scope": "local"}, {"scope": "global"}


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with open_world(database) as world:
        yield world


def session_id(person: Person) -> str:
    claims = jwt.decode(person.access_token, options={"verify_signature": False})
    return str(claims["session_id"])


def revocations(world: World) -> list[dict[str, object]]:
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    answer = world.app.test_client().get("/revocations", headers=headers).get_json()
    return list(answer["revocations"])


def is_in(person: Person) -> bool:
    return person.call("GET", "/auth/session").status_code == 200


def gotrue_of(world: World) -> SyncGoTrueClient:
    """Somebody who asks GoTrue directly."""
    return world.provider.gotrue.client()


@pytest.mark.parametrize(("keys", "signing"), [("sb", "ES256"), ("jwt", "ES256"), ("jwt", "HS256"), ("sb", "HS256")])
def test_both_kinds_of_keys_and_of_signatures_work(database: Database, keys: KeyStyle, signing: Signing) -> None:
    with open_world(database, keys=keys, signing=signing) as world:
        ann = world.person("ann").enter()
        assert is_in(ann)
        ann.keep(ann.refresh())
        listed = ann.call("GET", "/.well-known/jwks.json").get_json()["keys"]
        assert [key["alg"] for key in listed] == (["ES256"] if signing == "ES256" else [])
        assert not any({"d", "k"} & key.keys() for key in listed)
        assert ann.call("POST", "/auth/logout", json=LOCAL).status_code == 204
        assert not is_in(ann)
        for key in (world.project.publishable_key, world.project.secret_key, world.project.keys.role_token("anon")):
            ann.access_token = key
            assert not is_in(ann)
        ready = world.app.test_client().get("/readyz")
        assert (ready.status_code, ready.get_json()["dependencies"]["supabase_auth"]) == (200, "ok")


def test_a_refreshed_session_goes_on_and_a_spent_token_ends_it(world: World) -> None:
    ann = world.person("ann").enter()
    first, of_first = ann.refresh_token, session_id(ann)
    for _ in range(3):
        ann.keep(ann.refresh())
    assert session_id(ann) == of_first
    world.project.auth_server.let_pass(11)
    reused = ann.refresh(first)
    assert (reused.status_code, reused.get_json()["code"]) == (401, "session_over")
    assert not is_in(ann)
    assert ann.refresh().status_code == 401
    assert [row["session_id"] for row in revocations(world)] == [of_first]


@pytest.mark.parametrize("token", ["x", "abcdefghijkl", "ä" * 12, "x" * 900])
def test_what_is_no_refresh_token_is_no_session(world: World, token: str) -> None:
    answer = world.person("ann").refresh(token)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "session_over")


def test_signing_out_ends_this_session_here_and_at_gotrue_and_no_other(world: World) -> None:
    phone, desk = world.person("ann").enter(), world.person("ann").enter()
    assert phone.call("POST", "/auth/logout", json=LOCAL).status_code == 204
    assert (is_in(phone), is_in(desk)) == (False, True)
    assert phone.refresh().status_code == 401
    world.provider.close(5.0)
    with pytest.raises(Exception, match="Refresh Token"):
        gotrue_of(world).refresh_session(phone.refresh_token)
    assert desk.refresh().status_code == 200


def test_the_refresh_cookie_alone_suffices_to_sign_out(world: World) -> None:
    ann = Browser(world, "ann@example.org")
    ann.call("/auth/confirm", link_of(ann.ask_for_link()))
    assert ann.session().status_code == 200
    access = ann.client.get_cookie("pulse_access")
    assert access is not None
    ann.client.delete_cookie("pulse_access")
    elsewhere = ann.client.post(
        "/auth/logout", json={}, base_url=world.auth_url, headers={"Origin": "https://evil.example"}
    )
    assert elsewhere.status_code == 403
    assert ann.call("/auth/logout", LOCAL).status_code == 204
    person = world.person("ann")
    person.access_token = access.value
    assert not is_in(person)
    world.provider.close(5.0)
    asked = [one.path for one in world.project.gateway.requests if one.path.startswith("/auth/")]
    assert asked[-2:] == ["/auth/v1/token", "/auth/v1/logout"]


def test_a_sign_out_counts_here_at_once_while_gotrue_is_away(world: World) -> None:
    ann = world.person("ann").enter()
    with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/logout", times=1):
        assert ann.call("POST", "/auth/logout", json=LOCAL).status_code == 204
        assert not is_in(ann)
        assert ann.refresh().status_code == 401
        world.provider.close(10.0)  # GoTrue is told again
    with pytest.raises(Exception, match="Refresh Token"):
        gotrue_of(world).refresh_session(ann.refresh_token)


def test_a_revocation_outlives_the_longest_token_of_its_session(database: Database, owner: Owner) -> None:
    with open_world(database, auth={"access_token_seconds": 7200}) as world:
        ann = world.person("ann").enter()
        world.project.gotrue.change(access_token_seconds=60)
        ann.keep(ann.refresh())
        ann.call("POST", "/auth/logout", json=LOCAL)
        [(seconds,)] = owner("select extract(epoch from expires_at - now())::integer from public.revocations")
        assert 7200 < int(str(seconds)) <= 7270


def test_signing_out_everywhere_ends_all_and_lets_one_in_again_in_the_same_second(world: World) -> None:
    devices = [world.person("ann").enter() for _ in range(3)]
    ben = world.person("ben").enter()
    mail = world.person("ann").ask_for_link()
    assert devices[0].call("POST", "/auth/logout", json=GLOBAL).status_code == 204
    again = world.person("ann")
    again.keep(again.use(mail))
    assert [is_in(one) for one in (*devices, ben, again)] == [False, False, False, True, True]
    assert [one.refresh().status_code for one in devices] == [401] * 3
    world.provider.close(5.0)
    assert len([row for row in revocations(world) if row["session_id"]]) == 3


def test_a_session_opened_behind_auths_back_ends_here_too(world: World) -> None:
    ann = world.person("ann").enter()
    mail = ann.ask_for_link()
    opened = gotrue_of(world).verify_otp({"token_hash": link_of(mail)["token_hash"], "type": "email"}).session
    assert opened is not None
    other = world.person("ann")
    other.access_token = opened.access_token
    assert is_in(other)
    assert other.call("POST", "/auth/logout", json=LOCAL).status_code == 204
    assert (is_in(other), is_in(ann)) == (False, True)


def test_somebody_nobody_invited_gets_no_session_however_their_account_came_about(database: Database) -> None:
    with open_world(database, SIGNUP="invited", ADMIN_EMAILS="ann@example.org") as world:
        world.person("ann").enter()
        assert world.person("ben").call("POST", "/auth/login", json={"email": "ben@example.org"}).status_code == 202
        world.provider.close(5.0)
        assert world.project.mailbox.mails_to("ben@example.org") == []
        gotrue_of(world).sign_in_with_otp({"email": "ben@example.org"})  # with the publishable key, as anybody may
        ben = world.person("ben")
        answer = ben.use(world.mail(ben.email))
        assert (answer.status_code, answer.get_json()["code"]) == (403, "not_invited")
        cho = world.person("cho")
        world.provider.gotrue.admin().invite_user_by_email(cho.email)
        cho.keep(cho.use(world.mail(cho.email)))
        assert cho.user["role"] == "member"


def test_somebody_deleted_does_not_come_back(world: World, owner: Owner) -> None:
    world.person("ben").enter()
    ann = world.person("ann").enter()
    owner("update public.users set deleted_at = now(), email = null where id = %s", UUID(ann.user["id"]))
    for answer in (ann.use(ann.ask_for_link()), ann.refresh()):
        assert (answer.status_code, answer.get_json()["code"]) == (401, "account_unknown")


def test_a_banned_person_is_out_at_the_next_refresh(world: World) -> None:
    ann = world.person("ann").enter()
    world.provider.gotrue.admin().update_user_by_id(ann.user["id"], {"ban_duration": "24h"})
    assert ann.refresh().get_json()["code"] == "session_over"


def test_people_who_sign_in_at_once_never_mix(world: World) -> None:
    people = [world.person(f"p{n}") for n in range(6)]
    mails = [person.ask_for_link() for person in people]

    def live(person: Person, mail: object) -> set[str]:
        person.keep(person.use(mail))  # type: ignore[arg-type]
        seen = {person.user["email"]}
        for _ in range(3):
            person.keep(person.refresh())
            seen |= {person.user["email"], person.call("GET", "/auth/session").get_json()["user"]["email"]}
        return seen

    with ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(live, people, mails))
    assert seen == [{person.email} for person in people]


def test_the_secret_key_signs_nobody_in(world: World) -> None:
    ann = world.person("ann").enter()
    ann.refresh()
    ann.call("POST", "/auth/logout", json=LOCAL)
    world.provider.close(5.0)
    asked = [one for one in world.project.gateway.requests if one.path.startswith("/auth/v1/")]
    assert {one.path.rpartition("/")[2] for one in asked} >= {"otp", "verify", "token", "logout"}
    assert {one.headers["apikey"] for one in asked} == {world.project.publishable_key}
    assert not any(world.project.secret_key in str(one) for one in asked)


def test_the_callers_address_is_passed_on(database: Database) -> None:
    with open_world(database, TRUSTED_PROXIES="1", SUPABASE_IP_FORWARDING="true") as world:
        ann = world.person("ann")
        answer = ann.call("POST", "/auth/login", json={"email": ann.email}, headers={"X-Forwarded-For": "203.0.113.7"})
        assert answer.status_code == 202
        ann.keep(ann.use(world.mail(ann.email)))
        asked = [one for one in world.project.gateway.requests if one.path == "/auth/v1/otp"]
        assert {one.headers["sb-forwarded-for"] for one in asked} == {"203.0.113.7"}
        assert {one.headers["x-forwarded-for"] for one in asked} == {"203.0.113.7"}
        # The hosted platform believes it from the secret key only.
        assert {one.headers["apikey"] for one in asked} == {world.project.secret_key}


def test_requests_have_explicit_time_limits() -> None:
    assert None not in (TIMEOUT.connect, TIMEOUT.read, TIMEOUT.write, TIMEOUT.pool)


def test_a_cookie_lives_as_long_as_its_token(database: Database) -> None:
    with open_world(database, auth={"access_token_seconds": 300}) as world:
        ann = Browser(world, "ann@example.org")
        answer = ann.call("/auth/confirm", link_of(ann.ask_for_link()))
        [access] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("pulse_access=")]
        [seconds] = [part for part in access.split("; ") if part.startswith("Max-Age=")]
        assert 295 <= int(seconds.removeprefix("Max-Age=")) <= 300
        assert "refresh_token" not in answer.get_json()
        assert answer.headers["Access-Control-Allow-Origin"] == PAGES
