"""Passwords at a Supabase project, past our pages and with its own settings.

What holds for every provider is in test_password_sign_up.py, test_password_reset.py and test_password_change.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
import requests
from werkzeug.test import TestResponse

from tests.auth.providers import running
from tests.auth.supabase_world import Browser, Person, World, follow, link_of, open_world
from tests.auth.visitor import Visitor
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
    answer = requests.get(f"{world.project.url}/auth/v1/verify", query, allow_redirects=False, timeout=30)
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


def test_a_second_sign_up_of_an_address_that_waits_counts_in_its_own_browser_only(world: World) -> None:
    """GoTrue did not take its password: it is kept until its mail is used."""
    for name, same in (("ann", True), ("ben", False)):
        mail_of_sign_up(world.person(name), STAPLE)
        browser = Browser(world, f"{name}@example.org")
        browser.call("/auth/signup", {"email": browser.email, "password": HORSE})
        opened = browser if same else Browser(world, browser.email)
        assert opened.call("/auth/confirm", link_of(world.mail(browser.email))).status_code == 200
        answers = [log_in(world.person(name), password).status_code for password in (STAPLE, HORSE)]
        assert answers == [401, 200 if same else 401]


def test_a_code_typed_by_a_client_without_cookies_makes_no_password_count(world: World) -> None:
    """GoTrue does not say whose sign-up it was mailed for; that of the link does."""
    ann, ben = world.person("ann"), world.person("ben")
    ann.keep(ann.confirm(email=ann.email, code=mail_of_sign_up(ann, HORSE).code))
    assert log_in(ann, HORSE).status_code == 401
    ben.keep(ben.use(mail_of_sign_up(ben, HORSE)))
    assert log_in(ben, HORSE).status_code == 200


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


def test_a_project_that_confirms_by_itself_lets_no_password_count_before_the_mail(open_one: OpenOne) -> None:
    with open_one(auth={"autoconfirm": True}) as world:
        ann = world.person("ann")
        mail = mail_of_sign_up(ann, HORSE)
        assert log_in(ann, HORSE).status_code == 401
        ann.keep(ann.use(mail))
        assert log_in(ann, HORSE).status_code == 200
        assert mail_of_sign_up(ann, STAPLE).link
        assert log_in(ann, STAPLE).status_code == 401


@pytest.mark.parametrize("password", ["", "x" * 73, "ö" * 37, "a\x00b", 5])
def test_what_is_no_password_is_malformed(world: World, password: object) -> None:
    for path in ("/auth/login", "/auth/signup"):
        answer = world.person("ann").call("POST", path, json={"email": "ann@example.org", "password": password})
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")


def test_a_right_password_is_no_try_and_a_wrong_one_takes_as_long_as_an_unknown_address(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    assert {log_in(ann, HORSE).status_code for _ in range(12)} == {200}
    times = []
    for person in (ann, world.person("nobody")):
        began = time.monotonic()
        assert log_in(person, "wrong").status_code == 401
        times.append(time.monotonic() - began)
    assert min(times) >= 0.5


def ask_for_reset(person: Person) -> ReceivedMail:
    assert person.call("POST", "/auth/password/reset", json={"email": person.email}).status_code == 202
    return person.world.mail(person.email)


def test_a_reset_replaces_a_strangers_password_of_an_address_that_nobody_confirmed(world: World) -> None:
    stranger, ann = world.person("ann"), world.person("ann")
    visit_verify(world, mail_of_sign_up(stranger, STAPLE, name="Rude Word"))
    theirs = straight_from_gotrue(stranger, STAPLE)
    ann.keep(ann.confirm(**link_of(ask_for_reset(ann)), password=HORSE))
    assert ann.user["name"] == "Ann"
    assert [log_in(ann, password).status_code for password in (STAPLE, HORSE)] == [401, 200]
    assert ann.call("GET", "/auth/session").status_code == 200
    assert theirs.call("GET", "/auth/session").status_code == 401
    assert theirs.refresh().status_code == 401


def test_a_link_to_a_new_password_counts_for_whom_its_seal_names(world: World) -> None:
    ann, ben = make_known(world, "ann", HORSE), make_known(world, "ben", HORSE)
    anns, bens = link_of(ask_for_reset(ann)), link_of(ask_for_reset(ben))
    swapped = {**anns, "redirect_to": bens["redirect_to"], "password": STAPLE}
    assert ann.confirm(**swapped).get_json()["code"] == "link_expired"
    assert [log_in(one, HORSE).status_code for one in (ann, ben)] == [200, 200]
    assert ben.confirm(**bens, password=STAPLE).status_code == 200


def test_what_the_project_finds_weak_is_refused_before_the_link_is_used(open_one: OpenOne) -> None:
    with open_one(auth={"password_min_length": 16}) as world:
        ann = make_known(world, "ann", HORSE)
        link = link_of(ask_for_reset(ann))
        for answer in (ann.confirm(**link, password=STAPLE), ann.change_password(STAPLE, HORSE)):
            assert (answer.status_code, answer.get_json()["fields"][0]["field"]) == (422, "password")
        too_long = ann.confirm(**link, password="correct horse " * 6)
        assert (too_long.status_code, too_long.get_json()["fields"][0]["field"]) == (422, "password")
        assert ann.confirm(**link, password=f"{HORSE} {STAPLE}").status_code == 200


def test_the_same_password_again_is_no_change(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    answer = ann.change_password(HORSE, HORSE)
    assert (answer.status_code, answer.get_json()["fields"][0]["field"]) == (422, "password")
    assert ann.change_password(STAPLE, HORSE).status_code == 204


def test_a_project_that_fails_changes_nothing_and_signs_nobody_out(world: World) -> None:
    ann = make_known(world, "ann", HORSE)
    other = world.person("ann")
    other.keep(log_in(other, HORSE))
    with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/user"):
        assert ann.change_password(STAPLE, HORSE).status_code == 503
    assert [one.call("GET", "/auth/session").status_code for one in (ann, other)] == [200, 200]
    assert ann.change_password(STAPLE, HORSE).status_code == 204
    assert [one.call("GET", "/auth/session").status_code for one in (ann, other)] == [200, 401]


def test_with_a_mail_server_of_its_own_auth_tells_of_a_new_password(world: World) -> None:
    ann, mailbox = make_known(world, "ann", HORSE), world.project.mailbox
    smtp = {"SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}", "MAIL_FROM": "pulse@example.org"}
    with running({**world.project.settings, **smtp}) as app:
        there = Visitor(app, ann.email).keep(log_in(ann, HORSE))
        before = len(mailbox.mails_to(ann.email))
        assert there.change_password(STAPLE, STAPLE).status_code == 403
        assert there.change_password(STAPLE, HORSE).status_code == 204
        assert mailbox.wait_for(ann.email, before + 1).subject == "Your Pulse password was changed"
