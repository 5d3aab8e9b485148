"""Codes and links that somebody tries at a Supabase project, which counts no wrong ones itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from werkzeug.test import TestResponse

from tests.auth.supabase_world import Person, World, link_of, open_world
from tests.conftest import Database
from tests.standins.mailbox import ReceivedMail
from tests.standins.real_gotrue import PROGRAM

OpenOne = Callable[..., AbstractContextManager[World]]

PASSWORD = "correct horse battery"


@pytest.fixture(params=["stand-in", "real"] if PROGRAM else ["stand-in"])
def open_one(database: Database, request: pytest.FixtureRequest) -> OpenOne:
    """With GOTRUE_BIN also on the real server: what a wrong one is like is decided there."""
    return lambda **more: open_world(database, real=request.param == "real", **more)


@pytest.fixture
def world(open_one: OpenOne) -> Iterator[World]:
    with open_one() as world:
        yield world


def confirm_from(person: Person, network: str, **body: str) -> TestResponse:
    return person.call("POST", "/auth/confirm", json=body, environ_base={"REMOTE_ADDR": network})


def guess(email: str, code: str) -> str:
    """The token of the link whose mail has that code (supabase/auth, GenerateTokenHash)."""
    return "pkce_" + hashlib.sha224(f"{email}{code}".encode()).hexdigest()


def wrong_guesses(mail: ReceivedMail, count: int) -> list[str]:
    return [guess(mail.to, f"{(int(mail.code) + n) % 1_000_000:06d}") for n in range(1, count + 1)]


def count_tries(world: World) -> int:
    """How many GoTrue has seen."""
    return sum(one.path == "/auth/v1/verify" for one in world.project.gateway.requests)


def log_in(person: Person) -> TestResponse:
    return person.call("POST", "/auth/login", json={"email": person.email, "password": PASSWORD})


def test_tries_at_once_do_not_get_around_the_limit_of_codes(world: World) -> None:
    ann = world.person("ann")
    code = ann.ask_for_link().code
    wrong = [f"{(int(code) + n) % 1_000_000:06d}" for n in range(1, 13)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda guess: ann.confirm(email=ann.email, code=guess), wrong))
    assert count_tries(world) == 5
    assert ann.confirm(email=ann.email, code=code).status_code == 403


def test_a_right_code_after_four_wrong_ones_counts(world: World) -> None:
    ann = world.person("ann")
    code = ann.ask_for_link().code
    wrong = "000000" if code != "000000" else "000001"
    assert [ann.confirm(email=ann.email, code=wrong).status_code for _ in range(4)] == [403] * 4
    assert ann.confirm(email=ann.email, code=code).status_code == 200


def test_links_without_a_seal_are_refused_to_one_network_address_and_not_to_others(world: World) -> None:
    ann, stranger = world.person("ann"), world.person("ann")
    mail = ann.ask_for_link()
    answers = [confirm_from(stranger, "203.0.113.9", token_hash=one) for one in wrong_guesses(mail, 11)]
    assert [one.status_code for one in answers] == [403] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    token_hash = link_of(mail)["token_hash"]
    assert token_hash == guess(ann.email, mail.code)
    assert confirm_from(stranger, "203.0.113.9", token_hash=token_hash).status_code == 429
    assert confirm_from(ann, "203.0.113.10", token_hash=token_hash).status_code == 200


def test_links_without_a_seal_are_refused_to_everybody_after_many_and_sealed_ones_go_on(world: World) -> None:
    ann, stranger = world.person("ann"), world.person("ann")
    mail = ann.ask_for_link()
    for n, one in enumerate(wrong_guesses(mail, 20)):
        assert confirm_from(stranger, f"203.0.113.{n // 5}", token_hash=one).status_code == 403
    link = link_of(mail)
    assert confirm_from(ann, "203.0.113.10", token_hash=link["token_hash"]).status_code == 429
    assert confirm_from(ann, "203.0.113.10", **link).status_code == 200


def test_a_seal_of_ones_own_does_not_let_anybody_guess_on(world: World) -> None:
    ann, ben = world.person("ann"), world.person("ben")
    seal = link_of(ben.ask_for_link())["redirect_to"]
    mail = ann.ask_for_link()
    answers = [ben.confirm(token_hash=one, redirect_to=seal) for one in wrong_guesses(mail, 12)]
    answers.append(ben.confirm(token_hash=guess(ann.email, mail.code), redirect_to=seal))
    assert {(one.status_code, one.get_json()["code"]) for one in answers} == {(403, "link_expired")}
    assert count_tries(world) == 10
    assert ann.use(mail).status_code == 200


def test_a_link_guessed_with_a_seal_of_ones_own_makes_no_password_count(world: World) -> None:
    ann, ben = world.person("ann"), world.person("ben")
    seal = link_of(ben.ask_for_link())["redirect_to"]
    assert ann.call("POST", "/auth/signup", json={"email": ann.email, "password": PASSWORD}).status_code == 202
    assert ben.confirm(token_hash=guess(ann.email, world.mail(ann.email).code), redirect_to=seal).status_code == 403
    assert count_tries(world) == 1
    assert log_in(ann).status_code == 401
    ann.enter()
    assert log_in(ann).status_code == 401


def test_wrong_links_of_one_network_address_are_limited_whatever_seal_they_have(open_one: OpenOne) -> None:
    with open_one(CODES_PER_IP="3") as world:
        ann, ben = world.person("ann"), world.person("ben")
        mails = [ann.ask_for_link(), ben.ask_for_link()]
        for mail in (*mails, mails[0]):
            assert ann.confirm(**{**link_of(mail), "token_hash": "wrong"}).status_code == 403
        assert ann.use(mails[0]).status_code == 429
        assert confirm_from(ann, "203.0.113.9", **link_of(mails[0])).status_code == 200


def test_right_links_and_those_that_gotrue_never_saw_are_no_tries(open_one: OpenOne) -> None:
    with open_one(CODES_PER_IP="1") as world:
        ann = world.person("ann")
        mail = ann.ask_for_link()
        with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/verify", times=2):
            assert [ann.use(mail).status_code for _ in range(2)] == [503, 503]
        assert ann.use(mail).status_code == 200
        assert ann.use(ann.ask_for_link()).status_code == 200


def test_a_banned_person_is_told_apart_by_nothing_and_wrong_codes_count(world: World) -> None:
    ann, nobody = world.person("ann"), world.person("nobody")
    ann.call("POST", "/auth/signup", json={"email": ann.email, "password": PASSWORD})
    ann.keep(ann.use(world.mail(ann.email)))
    mail = ann.ask_for_link()
    world.provider.gotrue.admin().update_user_by_id(ann.user["id"], {"ban_duration": "1h"})
    assert log_in(ann).get_data() == log_in(nobody).get_data()
    before = count_tries(world)
    answers = [person.confirm(email=person.email, code=mail.code) for person in (ann, nobody) for _ in range(7)]
    assert {(one.status_code, one.get_data()) for one in answers} == {(403, answers[0].get_data())}
    assert answers[0].get_json()["code"] == "link_expired"
    assert count_tries(world) - before == 10
    assert ann.use(mail).get_json()["code"] == "link_expired"
