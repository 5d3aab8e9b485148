"""Signing up with a password, and signing in with it: it counts for whoever also had the mail."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.auth.conftest import PAGES, LetPass, MakeApp, Owner
from tests.auth.providers import OWN_ORIGIN, OWN_TABLES, builtin_only
from tests.auth.visitor import Mail, Visitor

HORSE, STAPLE = "correct horse battery", "another staple"


def make_known(app: Flask, name: str, password: str = HORSE) -> Visitor:
    person = Visitor(app, f"{name}@example.org")
    return person.keep(person.confirm(**person.sign_up(password).query))


def test_an_address_alone_signs_nobody_in_and_with_its_password_it_does(app: Flask) -> None:
    """A seed's login trusted any posted address."""
    ann = make_known(app, "ann")
    anybody = Visitor(app, ann.email).call("POST", "/auth/login", json={"email": ann.email})
    assert (anybody.status_code, anybody.get_json().keys()) == (202, {"status", "code_digits", "dev_inbox"})
    assert anybody.headers.getlist("Set-Cookie") == []
    assert Visitor(app, ann.email).log_in(STAPLE).status_code == 401
    assert Visitor(app, ann.email).keep(Visitor(app, ann.email).log_in(HORSE)).user == ann.user


def test_a_code_is_no_links_token_nor_a_token_a_code_and_each_counts_as_what_it_is(app: Flask) -> None:
    """A seed posted the address's fragment where the code belonged."""
    ann = Visitor(app, "ann@example.org")
    mail = ann.ask()
    for wrong in (
        {"token_hash": mail.code},
        {"email": ann.email, "code": mail.token[:20]},
        {"token_hash": mail.link[:200]},
        {"token_hash": mail.code, "type": "recovery", "password": HORSE},
    ):
        assert ann.confirm(**wrong).get_json()["code"] == "link_expired"
    assert ann.confirm(email=ann.email, code=mail.code).status_code == 200


def test_a_password_counts_once_its_mail_is_used_and_not_before(app: Flask) -> None:
    ann = Visitor(app, "ann@example.org")
    mail = ann.sign_up(HORSE, name="Ann Lee")
    early, wrong, unknown = ann.log_in(HORSE), ann.log_in(STAPLE), Visitor(app, "nobody@example.org").log_in(HORSE)
    assert early.get_json()["code"] == "invalid_credentials"
    assert early.get_data() == wrong.get_data() == unknown.get_data()
    assert ann.keep(ann.confirm(**mail.query)).user["name"] == "Ann Lee"
    assert ann.keep(ann.log_in(HORSE)).user["email"] == ann.email
    assert ann.log_in(STAPLE).status_code == 401


def test_nobody_is_made_before_the_mail_is_used(app: Flask) -> None:
    Visitor(app, "cho@example.org").sign_up(HORSE)
    ann = make_known(app, "ann")
    listed = ann.call("GET", "/users").get_json()["users"]
    assert [user["id"] for user in listed] == [ann.user["id"]]


def test_a_code_typed_in_the_browser_that_signed_up_counts_as_well_and_one_typed_elsewhere_only_signs_in(
    app: Flask,
) -> None:
    for name, same in (("ann", True), ("ben", False)):
        person, headers = Visitor(app, f"{name}@example.org"), {"Origin": PAGES}
        browser = app.test_client()
        browser.post("/auth/signup", json={"email": person.email, "password": HORSE}, headers=headers)
        client = browser if same else app.test_client()
        body = {"email": person.email, "code": person.mails()[0].code}
        assert client.post("/auth/confirm", json=body, headers=headers).status_code == 200
        assert person.log_in(HORSE).status_code == (200 if same else 401)


def sign_up_by_browser(browser: FlaskClient, person: Visitor, password: str, name: str) -> Mail:
    body = {"email": person.email, "password": password, "name": name}
    assert browser.post("/auth/signup", json=body, headers={"Origin": PAGES}).status_code == 202
    return person.mails()[0]


def press(browser: FlaskClient, mail: Mail) -> TestResponse:
    """As the page behind the link does."""
    form = {name: mail.query[name] for name in ("token_hash", "redirect_to")}
    return browser.post("/auth/confirm", data=form, headers={"Origin": OWN_ORIGIN})


def test_a_link_opened_in_the_browser_that_signed_up_makes_the_password_count_and_elsewhere_it_says_that_it_does_not(
    app: Flask,
) -> None:
    for name, same in (("ann", True), ("ben", False)):
        person, browser = Visitor(app, f"{name}@example.org"), app.test_client()
        mail = sign_up_by_browser(browser, person, HORSE, "Somebody Nice")
        opened = browser if same else app.test_client()
        page = opened.get("/auth/confirm", query_string=mail.query).get_data(as_text=True)
        assert ("From then on the password counts" in page) is same
        assert ("is not kept unless you open the link in the browser" in page) is not same
        assert press(opened, mail).status_code == 303
        user = opened.get("/auth/session").get_json()["user"]
        assert (user["name"] == "Somebody Nice") is same
        assert person.log_in(HORSE).status_code == (200 if same else 401)


def test_a_stranger_who_used_up_somebodys_mails_first_gets_nothing_when_the_owner_presses_their_button(
    app: Flask,
) -> None:
    """Also where the owner has just signed up, and so reads of a password they chose a moment ago in that browser."""
    ann, stranger, browser = Visitor(app, "ann@example.org"), app.test_client(), app.test_client()
    for _ in range(5):
        sign_up_by_browser(stranger, ann, STAPLE, "Rude Word")
    mail = sign_up_by_browser(browser, ann, HORSE, "Ann Lee")
    assert press(browser, mail).status_code == 303
    assert browser.get("/auth/session").get_json()["user"]["name"] == "Ann"
    assert [ann.log_in(password).status_code for password in (STAPLE, HORSE)] == [401, 401]
    assert browser.put("/auth/password", json={"password": HORSE}, headers={"Origin": PAGES}).status_code == 204
    assert [ann.log_in(password).status_code for password in (STAPLE, HORSE)] == [401, 200]


@builtin_only("Supabase Auth does not say whose code it is: there one counts in the browser that signed up")
def test_a_code_counts_for_a_client_that_is_no_browser(app: Flask) -> None:
    ann = Visitor(app, "ann@example.org")
    mail = ann.sign_up(HORSE, name="Ann Lee")
    assert ann.keep(ann.confirm(email=ann.email, code=mail.code)).user["name"] == "Ann Lee"
    assert [ann.log_in(password).status_code for password in (STAPLE, HORSE)] == [401, 200]


def test_a_name_said_by_a_stranger_is_not_that_of_who_types_the_code_elsewhere(app: Flask) -> None:
    ann, stranger = Visitor(app, "ann@example.org"), app.test_client()
    mail = sign_up_by_browser(stranger, ann, STAPLE, "Rude Word")
    body = {"email": ann.email, "code": mail.code}
    answer = app.test_client().post("/auth/confirm", json=body, headers={"Origin": PAGES})
    assert (answer.status_code, answer.get_json()["user"]["name"]) == (200, "Ann")


def test_a_stranger_who_signed_up_first_gets_nothing_when_the_owner_comes_by_link(app: Flask) -> None:
    stranger, ann = Visitor(app, "ann@example.org"), Visitor(app, "ann@example.org")
    stranger.sign_up(STAPLE)
    ann.sign_in()
    assert stranger.log_in(STAPLE).status_code == 401
    assert ann.is_signed_in()


def test_a_stranger_who_signed_up_first_gets_nothing_when_the_owner_signs_up_too(app: Flask) -> None:
    stranger, ann = Visitor(app, "ann@example.org"), Visitor(app, "ann@example.org")
    stranger.sign_up(STAPLE)
    ann.keep(ann.confirm(**ann.sign_up(HORSE).query))
    assert stranger.log_in(STAPLE).status_code == 401
    assert ann.log_in(HORSE).status_code == 200


@builtin_only("Supabase Auth keeps one live link for each person")
def test_a_strangers_mail_opened_after_ones_own_changes_no_password(app: Flask) -> None:
    stranger, ann = Visitor(app, "ann@example.org"), Visitor(app, "ann@example.org")
    strangers_mail = stranger.sign_up(STAPLE)
    ann.keep(ann.confirm(**ann.sign_up(HORSE).query))
    assert ann.confirm(**strangers_mail.query).status_code == 200
    assert [ann.log_in(password).status_code for password in (STAPLE, HORSE)] == [401, 200]


@builtin_only("Supabase Auth keeps one live link for each person")
def test_of_two_sign_ups_confirmed_at_the_same_moment_one_password_counts(app: Flask) -> None:
    person = Visitor(app, "ann@example.org")
    passwords = (HORSE, STAPLE)
    mails = [person.sign_up(password) for password in passwords]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda mail: person.confirm(**mail.query).status_code, mails))
    assert answers == [200, 200]
    assert sorted(person.log_in(password).status_code for password in passwords) == [200, 401]


def test_who_asked_for_a_link_first_may_sign_up_later(app: Flask) -> None:
    ann = Visitor(app, "ann@example.org")
    ann.ask()
    ann.keep(ann.confirm(**ann.sign_up(HORSE).query))
    assert ann.log_in(HORSE).status_code == 200


def test_a_password_of_ones_own_outlives_links_and_strangers_sign_ups(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = Visitor(app, ann.email).sign_up(STAPLE, name="Somebody Else")
    assert ann.confirm(**mail.query).get_json()["user"]["name"] == ann.user["name"]
    Visitor(app, ann.email).sign_in()
    assert [ann.log_in(password).status_code for password in (HORSE, STAPLE)] == [200, 401]


@builtin_only("Supabase Auth sends its mails itself")
def test_the_mail_says_what_it_is_about(app: Flask) -> None:
    ann, ben = make_known(app, "ann"), Visitor(app, "ben@example.org")
    assert ann.sign_up(STAPLE).subject == "You already have a Pulse account"
    mail = ben.sign_up(STAPLE)
    assert mail.subject == f"{mail.code} confirms your Pulse account"
    page = ann.call("GET", "/auth/confirm", query_string=ann.mails()[0].query).get_data(True)
    assert "password" not in page


def test_every_address_gets_the_same_answer_to_a_sign_up_and_a_weak_password_is_refused_for_all(
    make_app: MakeApp,
) -> None:
    app = make_app(SIGNUP="domains:example.org")
    make_known(app, "ann")
    emails = ["ann@example.org", "ben@example.org", "cho@elsewhere.org", "ben@example.org"]

    def sign_up(email: str, password: str) -> tuple[int, bytes]:
        answer = Visitor(app, email).call("POST", "/auth/signup", json={"email": email, "password": password})
        return answer.status_code, answer.get_data()

    ((status, sent),) = {sign_up(email, STAPLE) for email in emails}
    assert (status, json.loads(sent).keys()) == (202, {"status", "code_digits", "dev_inbox"})
    weak = {sign_up(email, "short") for email in emails}
    assert [status for status, _ in weak] == [422]
    assert Visitor(app, "cho@elsewhere.org").mails() == []
    assert len(Visitor(app, "ben@example.org").mails()) == 2


def test_an_address_that_may_not_join_makes_no_account_however_it_signs_up(make_app: MakeApp) -> None:
    mail = Visitor(make_app(), "ben@example.org").sign_up(HORSE)
    closed = Visitor(make_app(SIGNUP="invited"), "ben@example.org")
    assert closed.confirm(**mail.query).get_json()["code"] in ("link_expired", "not_invited")
    assert closed.log_in(HORSE).status_code == 401


def test_sign_ups_count_among_an_addresss_five_mails_and_a_network_addresss_logins(make_app: MakeApp) -> None:
    app = make_app(LOGINS_PER_IP="7")
    ann = Visitor(app, "ann@example.org")
    for _ in range(6):
        ann.sign_up(HORSE)
    assert len(ann.mails()) <= 5
    assert Visitor(app, "ben@example.org").sign_up(HORSE)
    refused = ann.call("POST", "/auth/signup", json={"email": "cho@example.org", "password": HORSE})
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)


def test_wrong_passwords_are_counted_alike_for_known_and_unknown_addresses(app: Flask) -> None:
    ann = make_known(app, "ann")
    for person in (ann, Visitor(app, "nobody@example.org")):
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda one: one.log_in("wrong"), [person] * 11))
        answers.sort(key=lambda one: one.status_code)
        assert [one.status_code for one in answers] == [401] * 10 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert {one.get_data() for one in answers[:10]} == {answers[0].get_data()}
    assert ann.log_in(HORSE).status_code == 429
    assert Visitor(app, ann.email).sign_in().is_signed_in()


def test_a_network_address_that_guesses_at_many_people_waits_and_others_do_not(make_app: MakeApp) -> None:
    app = make_app(CODES_PER_IP="3", TRUSTED_PROXIES="1")

    def guess(n: int, network: str) -> int:
        body = {"email": f"p{n}@example.org", "password": "wrong"}
        return Visitor(app, "").call("POST", "/auth/login", json=body, headers={"X-Forwarded-For": network}).status_code

    assert [guess(n, "203.0.113.1") for n in range(4)] == [401, 401, 401, 429]
    assert guess(5, "203.0.113.2") == 401


@builtin_only("at Supabase Auth every refusal takes half a second, see test_supabase_passwords.py")
def test_right_passwords_are_no_tries_and_a_wrong_one_takes_as_long_as_no_account_and_no_password(app: Flask) -> None:
    ann, ben = make_known(app, "ann"), Visitor(app, "ben@example.org").sign_in()
    assert {ann.log_in(HORSE).status_code for _ in range(12)} == {200}
    times: dict[str, list[float]] = {}
    for _ in range(5):
        for person in (ann, ben, Visitor(app, "nobody@example.org")):
            began = time.process_time()
            assert person.log_in("wrong").status_code == 401
            times.setdefault(person.email, []).append(time.process_time() - began)
    fastest = [min(one) for one in times.values()]
    assert max(fastest) < 4 * min(fastest) + 0.02


@pytest.mark.parametrize("password", ["", "x" * 201, "a\x00b", 5, None])
def test_what_is_no_password_is_malformed(newcomer: Visitor, password: object) -> None:
    for path in ("/auth/login", "/auth/signup"):
        body = {"email": newcomer.email, "password": password}
        if (path, password) == ("/auth/login", None):
            continue  # asks for a link
        answer = newcomer.call("POST", path, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")


@builtin_only(OWN_TABLES)
def test_passwords_are_kept_as_argon2id_hashes_and_nowhere_else(
    app: Flask, owner: Owner, capfd: pytest.CaptureFixture[str]
) -> None:
    ann = make_known(app, "ann")
    assert ann.log_in(HORSE).status_code == 200
    assert ann.log_in(STAPLE).status_code == 401
    ((kept,),) = owner("select password_hash from builtin_auth.accounts")
    assert str(kept).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    dump = "".join(str(owner(f"select * from builtin_auth.{table}")) for table in ("accounts", "links", "inbox"))
    said = "".join(capfd.readouterr())
    for secret in (HORSE, STAPLE):
        assert secret not in dump
        assert secret not in said
    assert str(kept) not in said
    assert owner("select count(*) from builtin_auth.links where password_hash is not null") == [(0,)]


@builtin_only("Supabase Auth compares bytes")
def test_letters_count_however_the_keyboard_writes_them(app: Flask) -> None:
    composed, decomposed = "zwölf Übungsbücher", "zwo\u0308lf U\u0308bungsbu\u0308cher"
    ann = make_known(app, "ann", composed)
    assert ann.log_in(composed).status_code == 200
    assert ann.log_in("zwolf Ubungsbucher").status_code == 401
    assert ann.log_in(decomposed).status_code == 200


def test_a_sign_out_ends_a_session_that_a_password_opened_and_everywhere_all_of_them(app: Flask) -> None:
    first = make_known(app, "ann")
    second, third = (Visitor(app, first.email).keep(first.log_in(HORSE)) for _ in range(2))
    assert second.call("POST", "/auth/logout", json={}).status_code == 204
    assert [one.is_signed_in() for one in (first, second, third)] == [True, False, True]
    assert third.call("POST", "/auth/logout", json={"scope": "global"}).status_code == 204
    assert [one.is_signed_in() for one in (first, second, third)] == [False, False, False]
    assert [one.refresh().status_code for one in (first, second, third)] == [401, 401, 401]


def test_a_sign_ups_link_grows_old(app: Flask, let_pass: LetPass) -> None:
    ann = Visitor(app, "ann@example.org")
    mail: Mail = ann.sign_up(HORSE)
    let_pass(601)
    assert ann.confirm(**mail.query).get_json()["code"] == "link_expired"
    assert ann.log_in(HORSE).status_code == 401
