"""A mailed link: works once, for ten minutes, and only when somebody presses the button."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.auth.conftest import OWN_ORIGIN, PAGES, LetPass, Owner, parts_of
from tests.auth.providers import ONE_LINK, OWN_TABLES, SEALED, TOLD_BY_SUPABASE, builtin_only
from tests.auth.visitor import Visitor


def test_a_link_signs_in_and_makes_the_person_the_first_time(ann: Visitor) -> None:
    answer = ann.confirm(token_hash=ann.ask().token)
    session = answer.get_json()
    assert (answer.status_code, session["token_type"]) == (200, "bearer")
    assert session["user"] | {"id": "", "created_at": ""} == {
        "id": "",
        "name": "Ann",
        "avatar_url": None,
        "created_at": "",
        "deleted_at": None,
        "email": "ann@example.org",
        "role": "admin",
    }
    again = ann.confirm(token_hash=ann.ask().token).get_json()
    assert again["user"]["id"] == session["user"]["id"]
    assert again["refresh_token"] != session["refresh_token"]


@builtin_only(TOLD_BY_SUPABASE)
def test_a_link_opened_many_times_still_works_once_and_then_never_again(ann: Visitor) -> None:
    mail = ann.ask()
    for method in ("GET", "HEAD", "GET", "GET"):
        page = ann.call(method, "/auth/confirm", query_string={"token_hash": mail.token, "type": "email"})
        assert page.status_code == 200
    assert ann.confirm(token_hash=mail.token).status_code == 200
    again = ann.confirm(token_hash=mail.token)
    assert (again.status_code, again.get_json()["code"]) == (403, "link_expired")
    assert ann.call("GET", "/auth/confirm", query_string={"token_hash": mail.token}).status_code == 403


@builtin_only(ONE_LINK)
def test_a_link_ends_after_ten_minutes(ann: Visitor, owner: Owner) -> None:
    young, old = ann.ask(), ann.ask()
    age = "update builtin_auth.links set expires_at = expires_at - %s::interval, created_at = created_at - %s::interval"
    owner(age + " where id = (select max(id) from builtin_auth.links)", "11 minutes", "11 minutes")
    owner(age + " where id = (select min(id) from builtin_auth.links)", "9 minutes", "9 minutes")
    for answer in (
        ann.confirm(token_hash=old.token),
        ann.confirm(email=ann.email, code=old.code),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (403, "link_expired")
    assert ann.call("GET", "/auth/confirm", query_string={"token_hash": old.token}).status_code == 403
    assert ann.confirm(token_hash=young.token).status_code == 200


@builtin_only(TOLD_BY_SUPABASE)
@pytest.mark.parametrize("tampered", ["", "x", "{token}x", "{token}\u0000", "{cut}", "ü", "' or 1=1 --"])
def test_a_tampered_link_is_refused_like_an_old_one(newcomer: Visitor, tampered: str) -> None:
    token = newcomer.ask().token
    wrong = tampered.format(token=token, cut=token[:-1])
    page = newcomer.call("GET", "/auth/confirm", query_string={"token_hash": wrong})
    assert (page.status_code, page.mimetype) == (403, "text/html")
    form = newcomer.call("POST", "/auth/confirm", data={"token_hash": wrong}, headers={"Origin": OWN_ORIGIN})
    assert form.status_code in (403, 422)
    assert "Set-Cookie" not in form.headers
    if wrong and "\u0000" not in wrong:
        assert newcomer.confirm(token_hash=wrong).get_json()["code"] == "link_expired"
    assert newcomer.confirm(token_hash=token).status_code == 200


@builtin_only(OWN_TABLES)
def test_a_hundred_confirmations_at_once_make_one_session(ann: Visitor, owner: Owner) -> None:
    mail = ann.ask()
    ways = [{"token_hash": mail.token}, {"email": ann.email, "code": mail.code}]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda n: ann.confirm(**ways[n % 4 == 3]).status_code, range(100)))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 403, 429}
    assert owner("select count(*) from builtin_auth.sessions") == [(1,)]


@builtin_only(ONE_LINK)
def test_using_the_code_uses_up_the_link_of_the_same_mail_only(ann: Visitor) -> None:
    first, second = ann.ask(), ann.ask()
    assert ann.confirm(email=ann.email, code=second.code).status_code == 200
    assert ann.confirm(token_hash=second.token).status_code == 403
    assert ann.confirm(token_hash=first.token).status_code == 200
    assert ann.confirm(email=ann.email, code=first.code).status_code == 403


@builtin_only(ONE_LINK)
def test_a_new_mail_does_not_end_an_older_link(ann: Visitor) -> None:
    mails = [ann.ask() for _ in range(3)]
    assert [ann.confirm(token_hash=mail.token).status_code for mail in mails] == [200, 200, 200]


@builtin_only(OWN_TABLES)
def test_only_hashes_of_links_codes_and_refresh_tokens_are_kept(ann: Visitor, app: Flask, owner: Owner) -> None:
    mail = ann.ask()
    ann.keep(ann.confirm(token_hash=mail.token))
    kept = str(owner("select * from builtin_auth.links")) + str(owner("select * from builtin_auth.refresh_tokens"))
    assert len(mail.token) == 43
    for secret in (mail.token, mail.code, ann.refresh_token):
        assert secret not in kept
    # A code has a million values: without the secret its hash must not be found by trying them.
    assert parts_of(app).settings.auth_secret.get_secret_value() not in kept


def test_a_link_ends_after_a_while(ann: Visitor, let_pass: LetPass) -> None:
    mail = ann.ask()
    let_pass(590)
    assert ann.confirm(token_hash=mail.token).status_code == 200
    late = ann.ask()
    let_pass(610)
    for body in ({"token_hash": late.token}, {"email": ann.email, "code": late.code}):
        assert ann.confirm(**body).get_json()["code"] == "link_expired"


def test_many_confirmations_at_once_make_one_session(ann: Visitor) -> None:
    mail = ann.ask()
    ways = [{"token_hash": mail.token}, {"email": ann.email, "code": mail.code}]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: ann.confirm(**ways[n % 4 == 3]).status_code, range(24)))
    assert sorted(statuses) == [200] + [403] * 23


@builtin_only(SEALED)
def test_the_mailed_link_points_at_our_own_page_and_carries_the_allowed_target(ann: Visitor) -> None:
    link = ann.ask(redirect_to=PAGES + "/chat/42").link
    assert link.startswith(OWN_ORIGIN + "/auth/confirm?token_hash=")
    assert link.endswith("&type=email&redirect_to=http%3A%2F%2Flocalhost%3A3000%2Fchat%2F42")
    assert ann.ask(redirect_to="https://evil.example/chat").link.endswith("http%3A%2F%2Flocalhost%3A3000%2Fchat")
