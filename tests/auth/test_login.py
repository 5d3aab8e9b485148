"""Asking for a link: one answer to everybody, mail only to those who may come in."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.auth.conftest import MakeApp, Owner
from tests.auth.providers import ASCII, OWN_TABLES, builtin_only
from tests.auth.visitor import Visitor


def strip(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "X-Request-Id"}


def test_known_unknown_uninvited_and_throttled_addresses_get_the_same_answer(make_app: MakeApp) -> None:
    everyone = make_app()
    ann = Visitor(everyone, "ann@example.org").sign_in()
    closed = make_app(SIGNUP="invited")
    throttled = Visitor(closed, ann.email)
    answers = [
        Visitor(closed, email).call("POST", "/auth/login", json={"email": email})
        for email in (ann.email, "nobody@example.org")
    ]
    answers += [throttled.call("POST", "/auth/login", json={"email": ann.email}) for _ in range(7)]
    (body,) = {answer.get_data() for answer in answers}
    assert json.loads(body).keys() == {"status", "code_digits", "dev_inbox"}
    assert {answer.status_code for answer in answers} == {202}
    assert len({tuple(sorted(strip(answer.headers).items())) for answer in answers}) == 1
    assert len(throttled.mails()) == 5
    assert Visitor(closed, "nobody@example.org").mails() == []


@builtin_only(OWN_TABLES)
def test_every_answer_costs_the_same_rows(make_app: MakeApp, owner: Owner) -> None:
    app = make_app(SIGNUP="domains:example.org")
    for email in ("ann@example.org", "ann@elsewhere.org"):
        Visitor(app, email).call("POST", "/auth/login", json={"email": email})
    assert owner("select email, mailed from builtin_auth.links order by id") == [
        ("ann@example.org", True),
        ("ann@elsewhere.org", False),
    ]
    assert owner("select count(*) from public.permits where bucket like 'mail:%%'") == [(2,)]


def test_an_address_gets_five_mails_an_hour_and_another_one_its_own_five(
    ann: Visitor, ben: Visitor, owner: Owner
) -> None:
    for _ in range(6):
        ann.ask()
    assert len(ann.mails()) == 5
    assert len([ben.ask() for _ in range(5)]) == 5
    owner("update public.permits set taken = array(select t - interval '61 minutes' from unnest(taken) t)")
    ann.ask()
    assert len(ann.mails()) == 6


@builtin_only(OWN_TABLES)
def test_requests_at_once_do_not_get_around_the_limit(ann: Visitor, owner: Owner) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ann.call("POST", "/auth/login", json={"email": ann.email}), range(24)))
    assert owner("select count(*) filter (where mailed), count(*) from builtin_auth.links") == [(5, 24)]


def test_a_network_address_that_asks_too_often_waits(make_app: MakeApp) -> None:
    app = make_app(LOGINS_PER_IP="3")
    statuses = []
    for n in range(4):
        answer = Visitor(app, "").call("POST", "/auth/login", json={"email": f"p{n}@example.org"})
        statuses.append(answer.status_code)
    assert statuses == [202, 202, 202, 429]
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    assert answer.get_json()["code"] == "too_many_requests"


def test_a_forwarded_address_counts_only_behind_a_trusted_proxy(make_app: MakeApp) -> None:
    def ask(app: Flask, forwarded: str) -> int:
        visitor = Visitor(app, "")
        headers = {"X-Forwarded-For": forwarded}
        body = {"email": "ann@example.org"}
        return visitor.call("POST", "/auth/login", json=body, headers=headers).status_code

    direct = make_app(LOGINS_PER_IP="1")
    assert [ask(direct, f"203.0.113.{n}") for n in (1, 2)] == [202, 429]
    behind = make_app(LOGINS_PER_IP="1", TRUSTED_PROXIES="1")
    assert [ask(behind, "198.51.100.7, 203.0.113.1"), ask(behind, "198.51.100.8, 203.0.113.1")] == [202, 429]
    assert ask(behind, "203.0.113.2") == 202


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@exa mple.org",
        "a@example.org\r\nBcc: b@example.org",
        "a\u0000@example.org",
        "Ann <ann@example.org>",
        "a@example.org,b@example.org",
        "x" * 300 + "@example.org",
        "a@" + "b" * 260 + ".org",
        None,
        5,
        [],
    ],
)
def test_what_is_no_address_is_malformed(newcomer: Visitor, email: object) -> None:
    answer = newcomer.call("POST", "/auth/login", json={"email": email})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")
    assert [problem["field"] for problem in answer.get_json()["fields"]] == ["email"]


@builtin_only(ASCII)
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" ANN@Example.ORG\n", "ann@example.org"),
        ("ann+chat@example.org", "ann+chat@example.org"),
        ("jürgen@bücher.example", "jürgen@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
        ("ann@intranet.local", "ann@intranet.local"),
    ],
)
def test_an_address_has_one_spelling(lasting_app: Flask, written: str, kept: str) -> None:
    Visitor(lasting_app, "").call("POST", "/auth/login", json={"email": written})
    visitor = Visitor(lasting_app, kept)
    assert visitor.confirm(email=kept, code=visitor.mails()[0].code).get_json()["user"]["email"] == kept


@builtin_only("Supabase Auth says itself whether it offers Google")
def test_what_the_built_in_provider_does_not_offer_says_so(newcomer: Visitor) -> None:
    answers = [newcomer.call("POST", "/auth/google", json={"id_token": "x"})]
    answers += [newcomer.call("GET", path) for path in ("/auth/google", "/auth/callback?code=x")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert answers[0].get_json()["code"] == "not_offered"
    assert {answer.mimetype for answer in answers[1:]} == {"text/html"}
    assert newcomer.mails() == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b'{"email":', "application/json", 400, "bad_json"),
        (b'{"email": "a\\ud800@example.org"}', "application/json", 400, "bad_json"),
        (b"\xff\xfe", "application/json", 400, "bad_json"),
        (b"null", "application/json", 422, "malformed"),
        (b"[" * 50_000, "application/json", 400, "bad_json"),
        (b'{"email": "ann@example.org"}', "text/plain", 415, "wrong_media_type"),
        (b"email=ann%40example.org", "application/x-www-form-urlencoded", 415, "wrong_media_type"),
        (b'{"email": "' + b"a" * 1_000_000 + b'@example.org"}', "application/json", 413, "too_large"),
    ],
)
def test_bodies_that_are_no_login_are_the_contracts_errors(
    newcomer: Visitor, body: bytes, kind: str, status: int, code: str
) -> None:
    answer = newcomer.call("POST", "/auth/login", data=body, content_type=kind)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


class TestSignup:
    def may_join(self, app: Flask, email: str) -> bool:
        visitor = Visitor(app, email)
        visitor.call("POST", "/auth/login", json={"email": email})
        return bool(visitor.mails())

    def test_on_loopback_everybody_may_join(self, app: Flask) -> None:
        assert self.may_join(app, "somebody@anywhere.example")

    def test_only_the_named_domains_may_join(self, make_app: MakeApp) -> None:
        app = make_app(SIGNUP="domains:example.org, example.com", ADMIN_EMAILS="root@elsewhere.org")
        assert self.may_join(app, "ann@example.org")
        assert self.may_join(app, "ann@EXAMPLE.com")
        assert self.may_join(app, "root@elsewhere.org")
        assert not self.may_join(app, "ann@sub.example.org")
        assert not self.may_join(app, "ann@elsewhere.org")

    def test_with_invited_only_who_is_known_or_an_admin_comes_in(self, make_app: MakeApp) -> None:
        Visitor(make_app(), "ann@example.org").sign_in()
        app = make_app(SIGNUP="invited", ADMIN_EMAILS="Root@Example.org")
        assert self.may_join(app, "ann@example.org")
        assert self.may_join(app, "root@example.org")
        assert not self.may_join(app, "ben@example.org")

    def test_a_link_mailed_before_the_door_was_closed_lets_nobody_new_in(self, make_app: MakeApp) -> None:
        mail = Visitor(make_app(), "ben@example.org").ask()
        closed = Visitor(make_app(SIGNUP="invited"), "ben@example.org")
        assert closed.confirm(token_hash=mail.token).get_json()["code"] in ("link_expired", "not_invited")

    def test_the_first_account_on_loopback_is_admin_and_the_second_is_not(self, ann: Visitor, ben: Visitor) -> None:
        assert ann.sign_in().user["role"] == "admin"
        assert ben.sign_in().user["role"] == "member"

    def test_of_many_first_people_at_once_one_is_admin(self, app: Flask) -> None:
        people = [Visitor(app, f"p{n}@example.org") for n in range(12)]
        mails = [person.ask() for person in people]
        with ThreadPoolExecutor(8) as pool:
            pairs = zip(people, mails, strict=True)
            roles = list(
                pool.map(lambda one: one[0].confirm(token_hash=one[1].token).get_json()["user"]["role"], pairs)
            )
        assert sorted(roles) == ["admin"] + ["member"] * 11

    def test_elsewhere_only_admin_emails_make_admins(self, make_app: MakeApp) -> None:
        app = make_app(SIGNUP="open", ADMIN_EMAILS="ben@example.org")
        Visitor(app, "ann@example.org").sign_in()  # on loopback: takes the first place
        assert Visitor(app, "ben@example.org").sign_in().user["role"] == "admin"
        assert Visitor(app, "cho@example.org").sign_in().user["role"] == "member"

    def test_who_is_named_later_becomes_admin_at_the_next_sign_in(self, make_app: MakeApp) -> None:
        before = make_app()
        for email in ("ann@example.org", "ben@example.org", "cho@example.org"):
            Visitor(before, email).sign_in()
        after = make_app(ADMIN_EMAILS="ben@example.org")
        assert Visitor(after, "ben@example.org").sign_in().user["role"] == "admin"
        assert Visitor(after, "cho@example.org").sign_in().user["role"] == "member"


@builtin_only(ASCII)
@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("ann.lee@example.org", "Ann Lee"),
        ("ben_van-dam+chat@example.org", "Ben Van Dam"),
        ("o'neil@example.org", "O'neil"),
        ("+@example.org", "+"),
        ("ünal@example.org", "Ünal"),
        ("4711@example.org", "4711"),
    ],
)
def test_a_new_person_gets_a_name_to_go_by(lasting_app: Flask, email: str, name: str) -> None:
    assert Visitor(lasting_app, email).sign_in().user["name"] == name
