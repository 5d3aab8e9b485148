"""Changing one's password while signed in."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.auth.conftest import PAGES, MakeApp, Owner
from tests.auth.providers import MAILED, Installation, builtin_only
from tests.auth.test_password_sign_up import HORSE, STAPLE, make_known
from tests.auth.visitor import Visitor
from tests.conftest import Database

CASTLE = "sand castle at noon"


def test_the_new_password_counts_and_other_sessions_are_over_while_this_one_goes_on(app: Flask) -> None:
    ann = make_known(app, "ann")
    other, ben = Visitor(app, ann.email).keep(ann.log_in(HORSE)), make_known(app, "ben", STAPLE)
    answer = ann.change_password(CASTLE, HORSE)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert [one.is_signed_in() for one in (ann, other, ben)] == [True, False, True]
    assert [one.refresh().status_code for one in (ann, other, ben)] == [200, 401, 200]
    assert [ann.log_in(password).status_code for password in (HORSE, CASTLE)] == [401, 200]


@pytest.mark.parametrize("current", [None, STAPLE, CASTLE])
def test_who_has_a_password_must_say_it(app: Flask, current: str | None) -> None:
    ann = make_known(app, "ann")
    other = Visitor(app, ann.email).keep(ann.log_in(HORSE))
    answer = ann.change_password(CASTLE, current)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "wrong_password")
    assert other.is_signed_in()
    assert [ann.log_in(password).status_code for password in (HORSE, CASTLE)] == [200, 401]


def test_who_has_none_sets_a_first_one_without_and_the_next_one_with_it(app: Flask) -> None:
    ann = Visitor(app, "ann@example.org").sign_in()
    other = Visitor(app, ann.email).sign_in()
    assert ann.change_password(CASTLE).status_code == 204
    assert [one.is_signed_in() for one in (ann, other)] == [True, False]
    assert ann.change_password(STAPLE).status_code == 403
    assert ann.change_password(STAPLE, CASTLE).status_code == 204
    assert [ann.log_in(password).status_code for password in (CASTLE, STAPLE)] == [401, 200]


def test_wrong_ones_are_counted(app: Flask) -> None:
    ann = make_known(app, "ann")
    answers = [ann.change_password(CASTLE, "wrong") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert ann.change_password(CASTLE, HORSE).status_code == 429
    assert ann.log_in(HORSE).status_code == 200


def test_a_weak_one_is_refused(app: Flask) -> None:
    ann = make_known(app, "ann")
    for weak in ("short", "qwertyuiop", "Ann@Example.org"):
        answer = ann.change_password(weak, HORSE)
        assert (answer.status_code, answer.get_json()["fields"][0]["field"]) == (422, "password")
    assert ann.log_in(HORSE).status_code == 200


def test_how_many_new_passwords_are_judged_is_limited_whoever_they_are_for(make_app: MakeApp) -> None:
    app = make_app(CODES_PER_IP="4", TRUSTED_PROXIES="1")
    ann, ben = (Visitor(app, f"{name}@example.org").sign_in() for name in ("ann", "ben"))

    def change(person: Visitor, password: str, network: str) -> TestResponse:
        headers = {"X-Forwarded-For": network}
        return person.call("PUT", "/auth/password", json={"password": password}, headers=headers)

    answers = [change(one, "qwertyuiop", "203.0.113.1") for one in (ann, ben, ann, ben, ann)]
    assert [answer.status_code for answer in answers] == [422] * 4 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert change(ann, CASTLE, "203.0.113.1").status_code == 429
    assert change(ann, CASTLE, "203.0.113.2").status_code == 204


def test_nobody_changes_a_password_without_being_signed_in(app: Flask) -> None:
    ann = make_known(app, "ann")
    assert Visitor(app, ann.email).change_password(CASTLE, HORSE).status_code == 401
    ann.call("POST", "/auth/logout", json={})
    assert ann.change_password(CASTLE, HORSE).status_code == 401
    assert ann.log_in(HORSE).status_code == 200


def test_a_cookie_counts_only_from_our_pages(app: Flask) -> None:
    ann = make_known(app, "ann")
    browser = app.test_client()
    browser.post("/auth/login", json={"email": ann.email, "password": HORSE}, headers={"Origin": PAGES})
    body = {"password": CASTLE, "current_password": HORSE}
    for origin in ("https://evil.example", None):
        headers = {"Origin": origin} if origin else {}
        assert browser.put("/auth/password", json=body, headers=headers).status_code == 403
    assert browser.put("/auth/password", json=body, headers={"Origin": PAGES}).status_code == 204
    assert ann.log_in(CASTLE).status_code == 200


def test_of_two_changes_at_once_from_the_same_password_one_counts(app: Flask) -> None:
    ann = make_known(app, "ann")
    people = [Visitor(app, ann.email).keep(ann.log_in(HORSE)) for _ in range(2)]
    passwords = ("three green apples", CASTLE)
    with ThreadPoolExecutor(2) as pool:
        pairs = zip(people, passwords, strict=True)
        statuses = list(pool.map(lambda pair: pair[0].change_password(pair[1], HORSE).status_code, pairs))
    assert statuses.count(204) == 1
    assert ann.log_in(passwords[statuses.index(204)]).status_code == 200


@builtin_only(MAILED)
def test_the_person_hears_of_it_and_of_a_wrong_try_they_do_not(app: Flask) -> None:
    ann = make_known(app, "ann")
    ann.change_password(CASTLE, STAPLE)
    before = len(ann.mails())
    ann.change_password(CASTLE, HORSE)
    subjects = [mail.subject for mail in ann.mails()]
    assert (len(subjects), subjects[0]) == (before + 1, "Your Pulse password was changed")


def test_what_is_offered_is_told_to_everybody(app: Flask) -> None:
    answer = Visitor(app, "").call("GET", "/auth/methods")
    assert answer.status_code == 200
    told = answer.get_json()
    assert {**told, "google": None} == {"link": True, "password": True, "google": None, "code_digits": 6}
    assert isinstance(told["google"], bool)


def test_a_change_and_a_sign_out_of_one_of_many_sessions_wait_for_each_other(
    database: Database, installation: Installation, owner: Owner
) -> None:
    """A sign-out under way holds its session's row and is about to ask for the list of revocations."""
    app = installation.make_app()
    ann = make_known(app, "ann")
    one_of_many = {
        "builtin_auth.sessions": "insert into builtin_auth.sessions (account_id, idle_until, expires_at)"
        " select account_id, idle_until, expires_at from builtin_auth.sessions, generate_series(1, 60)",
        "public.supabase_sessions": "insert into public.supabase_sessions"
        " (id, user_id, refresh_hashes, token_seconds, tokens_until, idle_until, expires_at)"
        " select gen_random_uuid(), user_id, '{}', token_seconds, tokens_until, idle_until, expires_at"
        " from public.supabase_sessions, generate_series(1, 60)",
    }[installation.sessions]
    ((own,),) = owner(f"select id from {installation.sessions}")
    owner(one_of_many)
    [*_, (last,)] = owner(f"select id from {installation.sessions} where id <> %s order by id", own)
    with psycopg.connect(database.owner_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute(f"select from {installation.sessions} where id = %s for update".encode(), [last])
        change = pool.submit(ann.change_password, CASTLE, HORSE)
        eventually_waits(owner)
        other.execute("lock table public.revocations in share row exclusive mode")
        other.commit()
        assert change.result(20).status_code == 204
    assert owner(f"select count(*) from {installation.sessions} where ended_at is null") == [(1,)]
    assert ann.is_signed_in()


def eventually_waits(owner: Owner) -> None:
    deadline = time.monotonic() + 30
    while not owner("select pid from pg_locks where not granted"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
