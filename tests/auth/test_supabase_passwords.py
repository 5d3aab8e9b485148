"""Passwords at a Supabase project: they count only for whoever had the mail, and tell nobody who is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import requests
from werkzeug.test import TestResponse

from tests.auth.supabase_world import Browser, Person, World, follow, link_of, open_world
from tests.conftest import Database
from tests.standins.mailbox import ReceivedMail
from tests.standins.real_gotrue import PROGRAM

OpenOne = Callable[..., AbstractContextManager[World]]

HORSE, STAPLE = "correct horse battery", "another staple"


@pytest.fixture(params=["stand-in", "real"] if PROGRAM else ["stand-in"])
def open_one(database: Database, request: pytest.FixtureRequest) -> OpenOne:
    """With GOTRUE_BIN also on the real server: what a password is worth is decided there."""
    return lambda **more: open_world(database, real=request.param == "real", **more)


@pytest.fixture
def world(open_one: OpenOne) -> Iterator[World]:
    with open_one() as world:
        yield world


def sign_up(person: Person, password: str, **more: str) -> TestResponse:
    return person.call("POST", "/auth/signup", json={"email": person.email, "password": password, **more})


def mail_of_sign_up(person: Person, password: str, **more: str) -> ReceivedMail:
    assert sign_up(person, password, **more).status_code == 202
    return person.world.mail(person.email)


def log_in(person: Person, password: str) -> TestResponse:
    return person.call("POST", "/auth/login", json={"email": person.email, "password": password})


def visit_verify(world: World, mail: ReceivedMail) -> None:
    """As a mail scanner opens the stock template's link."""
    query = {"token": link_of(mail)["token_hash"], "type": "signup"}
    answer = requests.get(f"{world.project.url}/auth/v1/verify", query, allow_redirects=False, timeout=10)
    assert "error" not in answer.headers["Location"], answer.headers["Location"]


def straight_from_gotrue(person: Person, password: str) -> Person:
    """Signed in at the project itself, past auth."""
    session = person.world.provider.gotrue.client().sign_in_with_password({"email": person.email, "password": password})
    assert session.session is not None
    person.access_token, person.refresh_token = session.session.access_token, session.session.refresh_token
    return person


def make_known(world: World, name: str, password: str) -> Person:
    person = world.person(name)
    person.keep(person.use(mail_of_sign_up(person, password)))
    return person


def test_a_password_counts_once_its_mail_is_used(world: World) -> None:
    ann = world.person("ann")
    mail = mail_of_sign_up(ann, HORSE, name="Ann Lee")
    early, wrong, unknown = log_in(ann, HORSE), log_in(ann, "wrong"), log_in(world.person("nobody"), HORSE)
    assert early.get_json()["code"] == "invalid_credentials"
    assert early.get_data() == wrong.get_data() == unknown.get_data()
    assert ann.keep(ann.use(mail)).user["name"] == "Ann Lee"
    assert ann.keep(log_in(ann, HORSE)).user["email"] == ann.email
    assert log_in(ann, STAPLE).status_code == 401


def test_a_code_typed_in_the_browser_that_signed_up_counts_as_well_and_one_typed_elsewhere_does_not(
    world: World,
) -> None:
    for name, same in (("ann", True), ("ben", False)):
        browser, person = Browser(world, f"{name}@example.org"), world.person(name)
        browser.call("/auth/signup", {"email": browser.email, "password": HORSE})
        body = {"email": browser.email, "code": world.mail(browser.email).code}
        answer = browser.call("/auth/confirm", body) if same else person.confirm(**body)
        assert answer.status_code == 200
        assert log_in(person, HORSE).status_code == (200 if same else 401)


def test_a_stranger_who_signed_up_first_gets_nothing_when_the_owner_comes_by_link(world: World) -> None:
    stranger, ann = world.person("ann"), world.person("ann")
    mail_of_sign_up(stranger, STAPLE)
    ann.enter()
    assert log_in(stranger, STAPLE).status_code == 401
    assert ann.call("GET", "/auth/session").status_code == 200
    assert ann.refresh().status_code == 200


def test_a_stranger_who_signed_up_first_gets_nothing_when_the_owner_signs_up_too(world: World) -> None:
    stranger, ann = world.person("ann"), world.person("ann")
    mail_of_sign_up(stranger, STAPLE)
    ann.keep(ann.use(mail_of_sign_up(ann, HORSE)))
    assert log_in(stranger, STAPLE).status_code == 401
    assert log_in(ann, HORSE).status_code == 200


def test_who_asked_for_a_link_first_may_sign_up_later(world: World) -> None:
    ann = world.person("ann")
    ann.ask_for_link()
    ann.keep(ann.use(mail_of_sign_up(ann, HORSE)))
    assert log_in(ann, HORSE).status_code == 200


def test_a_stranger_behind_auths_back_gets_nothing_either(world: World) -> None:
    """The publishable key is no secret: anybody may ask GoTrue itself."""
    client = world.provider.gotrue.client()
    client.sign_up({"email": "ann@example.org", "password": STAPLE})
    world.mail("ann@example.org")
    ann = world.person("ann").enter()
    assert log_in(ann, STAPLE).status_code == 401


def test_whoever_confirms_past_our_pages_makes_no_password_count(world: World) -> None:
    stranger, ann = world.person("ann"), world.person("ann")
    visit_verify(world, mail_of_sign_up(stranger, STAPLE))
    assert log_in(stranger, STAPLE).status_code == 401
    theirs = straight_from_gotrue(stranger, STAPLE)
    ann.enter()
    assert log_in(stranger, STAPLE).status_code == 401
    assert ann.call("GET", "/auth/session").status_code == 200
    assert theirs.call("GET", "/auth/session").status_code == 401
    assert theirs.refresh().status_code == 401


def test_a_link_of_the_stock_template_opened_elsewhere_makes_no_password_count(open_one: OpenOne) -> None:
    with open_one(templates=False) as world:
        stranger, ann = world.person("ann"), Browser(world, "ann@example.org")
        mail_of_sign_up(stranger, STAPLE)
        back = follow(ann.ask_for_link().link)
        assert Browser(world, ann.email).open(back).status_code == 403
        assert log_in(stranger, STAPLE).status_code == 401
        assert ann.open(follow(ann.ask_for_link().link)).status_code == 303
        assert log_in(stranger, STAPLE).status_code == 401


def test_ones_own_password_counts_once_one_has_come_in_by_the_browser_that_set_it(open_one: OpenOne) -> None:
    with open_one(templates=False) as world:
        ann, elsewhere = Browser(world, "ann@example.org"), world.person("ann")
        ann.call("/auth/signup", {"email": ann.email, "password": HORSE})
        assert Browser(world, ann.email).open(follow(world.mail(ann.email).link)).status_code == 403
        assert log_in(elsewhere, HORSE).status_code == 401
        assert ann.open(follow(ann.ask_for_link().link)).status_code == 303
        assert log_in(elsewhere, HORSE).status_code == 200


def test_a_password_that_could_not_be_replaced_does_not_count_later_either(world: World) -> None:
    ann = world.person("ann")
    world.provider.gotrue.client().sign_up({"email": ann.email, "password": STAPLE})
    world.mail(ann.email)
    with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/admin/users"):
        assert ann.use(ann.ask_for_link()).status_code == 503
    assert log_in(ann, STAPLE).status_code == 401
    world.project.auth_server.let_pass(3600)
    ann.enter()
    assert log_in(ann, STAPLE).status_code == 401


def test_a_password_set_elsewhere_in_the_project_makes_nobody_come_in(world: World) -> None:
    ann = world.person("ann")
    world.provider.gotrue.admin().create_user({"email": ann.email, "password": HORSE, "email_confirm": True})
    assert log_in(ann, HORSE).status_code == 401
    ann.enter()
    assert log_in(ann, HORSE).status_code == 401


def test_a_password_of_ones_own_outlives_links_and_strangers_sign_ups(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    mail = mail_of_sign_up(world.person("ann"), STAPLE)  # a known address is mailed a link instead
    assert "confirm" in mail.link
    assert ann.use(mail).status_code == 200
    world.person("ann").enter()
    assert [log_in(ann, password).status_code for password in (HORSE, STAPLE)] == [200, 401]


def test_a_project_that_confirms_by_itself_lets_no_password_count_before_the_mail(open_one: OpenOne) -> None:
    with open_one(auth={"autoconfirm": True}) as world:
        ann = world.person("ann")
        mail = mail_of_sign_up(ann, HORSE)
        assert log_in(ann, HORSE).status_code == 401
        ann.keep(ann.use(mail))
        assert log_in(ann, HORSE).status_code == 200
        assert mail_of_sign_up(ann, STAPLE).link
        assert log_in(ann, STAPLE).status_code == 401


def test_every_address_gets_the_same_answer_to_a_sign_up(open_one: OpenOne) -> None:
    with open_one(SIGNUP="domains:example.org") as world:
        make_known(world, "ann", HORSE)
        emails = ["ann@example.org", "ben@example.org", "cho@elsewhere.org", "ben@example.org"]
        answers = [sign_up(Person(world, email), STAPLE) for email in emails]
        assert {(one.status_code, one.get_data()) for one in answers} == {
            (202, b'{"status":"confirmation_sent","code_digits":6}')
        }
        weak = [sign_up(Person(world, email), "short") for email in emails]
        assert {(one.status_code, one.get_json()["fields"][0]["field"]) for one in weak} == {(422, "password")}
        assert len({one.get_data() for one in weak}) == 1
        world.provider.close(5.0)
        assert world.project.mailbox.mails_to("cho@elsewhere.org") == []


@pytest.mark.parametrize("password", ["", "x" * 73, "ö" * 37, "a\x00b", 5])
def test_what_is_no_password_is_malformed(world: World, password: object) -> None:
    for path in ("/auth/login", "/auth/signup"):
        answer = world.person("ann").call("POST", path, json={"email": "ann@example.org", "password": password})
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")


def test_wrong_passwords_are_counted_alike_for_known_and_unknown_addresses(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    for person in (ann, world.person("nobody")):
        answers = [log_in(person, "wrong") for _ in range(11)]
        assert [one.status_code for one in answers] == [401] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert {one.get_data() for one in answers[:10]} == {answers[0].get_data()}
    assert log_in(ann, HORSE).status_code == 429


def test_a_right_password_is_no_try_and_a_wrong_one_takes_as_long_as_an_unknown_address(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    assert {log_in(ann, HORSE).status_code for _ in range(12)} == {200}
    times = []
    for person in (ann, world.person("nobody")):
        began = time.monotonic()
        assert log_in(person, "wrong").status_code == 401
        times.append(time.monotonic() - began)
    assert min(times) >= 0.5
