"""A new password by mail: once, for whoever has the mail, and every other session ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.auth.conftest import OWN_ORIGIN, PAGES, SERVICE_TOKEN, LetPass, MakeApp
from tests.auth.providers import INDEPENDENT, MAILED, ONE_LINK, TOLD_BY_SUPABASE, builtin_only
from tests.auth.test_password_sign_up import HORSE, STAPLE, make_known
from tests.auth.visitor import Mail, Visitor

CASTLE = "sand castle at noon"


def post_form(app: Flask, mail: Mail, password: str, origin: str = OWN_ORIGIN) -> TestResponse:
    """As the page behind the link does."""
    form = {**mail.query, "password": password}
    return app.test_client().post("/auth/confirm", data=form, headers={"Origin": origin})


def revoked_sessions(person: Visitor) -> set[Any]:
    answer = person.call("GET", "/revocations", headers={"Authorization": f"Bearer {SERVICE_TOKEN}"})
    return {row["session_id"] for row in answer.get_json()["revocations"]}


def test_a_new_password_counts_and_the_old_one_and_all_other_sessions_are_over(app: Flask) -> None:
    ann = make_known(app, "ann")
    elsewhere = Visitor(app, ann.email).keep(ann.log_in(HORSE))
    ben = make_known(app, "ben", STAPLE)
    fresh = Visitor(app, ann.email)
    fresh.keep(fresh.reset(fresh.ask_for_reset(), CASTLE))
    assert fresh.user == ann.user
    assert [one.is_signed_in() for one in (ann, elsewhere, fresh, ben)] == [False, False, True, True]
    assert [one.refresh().status_code for one in (ann, elsewhere, fresh, ben)] == [401, 401, 200, 200]
    assert [ann.log_in(password).status_code for password in (HORSE, CASTLE)] == [401, 200]
    assert len(revoked_sessions(ben) - {None}) >= 2


def test_who_never_had_a_password_sets_one_that_way(app: Flask) -> None:
    ann = Visitor(app, "ann@example.org").sign_in()
    assert ann.log_in(CASTLE).status_code == 401
    again = Visitor(app, ann.email)
    again.keep(again.reset(again.ask_for_reset(), CASTLE))
    assert (again.user["id"], ann.is_signed_in()) == (ann.user["id"], False)
    assert again.log_in(CASTLE).status_code == 200


def test_known_unknown_and_throttled_addresses_get_the_same_answer_and_only_the_known_one_mail(app: Flask) -> None:
    ann, nobody = Visitor(app, "ann@example.org").sign_in(), Visitor(app, "nobody@example.org")
    answers = [
        Visitor(app, "").call("POST", "/auth/password/reset", json={"email": email})
        for email in [ann.email, nobody.email, *[ann.email] * 6]
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_data() for answer in answers}) == 1
    assert answers[0].get_json().keys() == {"status", "dev_inbox"}
    assert answers[0].get_json()["status"] == "link_sent"
    assert len(ann.mails()) <= 5
    assert nobody.mails() == []


def test_a_network_address_that_asks_too_often_waits(make_app: MakeApp) -> None:
    app = make_app(LOGINS_PER_IP="2")
    answers = [
        Visitor(app, "").call("POST", "/auth/password/reset", json={"email": f"p{n}@example.org"}) for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_link_to_a_new_password_counts_once_also_for_several_at_the_same_moment(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: ann.reset(mail, f"{CASTLE} {n}").status_code, range(4)))
    assert sorted(answers) == [200, 403, 403, 403]
    assert ann.reset(mail, STAPLE).get_json()["code"] == "link_expired"
    assert ann.log_in(STAPLE).status_code == 401
    assert ann.log_in(f"{CASTLE} {answers.index(200)}").status_code == 200


@builtin_only(ONE_LINK)
def test_of_several_links_at_the_same_moment_one_counts_and_the_others_are_void(app: Flask) -> None:
    ann = make_known(app, "ann")
    mails = [ann.ask_for_reset() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda mail: ann.reset(mail, CASTLE).status_code, mails))
    assert sorted(answers) == [200, 403, 403]


def test_a_link_to_a_new_password_grows_old(app: Flask, let_pass: LetPass) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    let_pass(601)
    assert ann.reset(mail, CASTLE).get_json()["code"] == "link_expired"
    assert ann.log_in(HORSE).status_code == 200


def test_a_weak_password_is_refused_and_the_link_stays_good(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    for weak in ("", "short", "password", "12345678", "ann@example.org", "x" * 201):
        answer = ann.reset(mail, weak)
        assert (answer.status_code, answer.get_json()["fields"][0]["field"]) == (422, "password")
    assert ann.log_in(HORSE).status_code == 200
    assert ann.reset(mail, CASTLE).status_code == 200


def test_a_link_to_a_new_password_is_none_to_sign_in_by_nor_the_other_way_round(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    as_sign_in = {**mail.query, "type": "email"}
    assert ann.confirm(**as_sign_in).get_json()["code"] == "link_expired"
    assert ann.confirm(**{**as_sign_in, "password": CASTLE}).get_json()["code"] == "link_expired"
    assert ann.confirm(**mail.query).status_code == 422
    assert ann.reset(mail, CASTLE).status_code == 200
    sign_in = Visitor(app, ann.email).ask()
    as_reset = {**sign_in.query, "type": "recovery", "password": STAPLE}
    assert ann.confirm(**as_reset).get_json()["code"] == "link_expired"
    assert ann.confirm(**sign_in.query).status_code == 200
    assert [ann.log_in(password).status_code for password in (STAPLE, CASTLE)] == [401, 200]


@builtin_only(MAILED)
def test_the_mail_has_a_link_and_no_code_and_no_code_sets_a_password(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    assert (mail.subject, mail.code) == ("Set a new Pulse password", "")
    body = {"email": ann.email, "code": "123456", "type": "recovery", "password": CASTLE}
    assert ann.confirm(**body).status_code == 422


def test_the_page_asks_for_the_password_says_what_is_wrong_with_it_and_signs_in(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    page = ann.call("GET", "/auth/confirm", query_string=mail.query)
    assert (page.status_code, "a***@example.org" in page.get_data(True)) == (200, True)
    assert 'type="password"' in page.get_data(True)
    weak = post_form(app, mail, "password1")
    assert (weak.status_code, weak.mimetype) == (422, "text/html")
    assert 'role="alert"' in weak.get_data(True)
    assert "password1" not in weak.get_data(True)
    assert mail.query["token_hash"] in weak.get_data(True)
    done = post_form(app, mail, CASTLE)
    assert (done.status_code, done.headers["Location"]) == (303, f"{PAGES}/chat")
    assert {cookie.split("=")[0] for cookie in done.headers.getlist("Set-Cookie")} == {"pulse_access", "pulse_refresh"}
    assert post_form(app, mail, STAPLE).status_code == 403


@builtin_only(INDEPENDENT)
def test_a_form_from_elsewhere_sets_nothing(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    for origin in ("https://evil.example", "null", ""):
        assert post_form(app, mail, CASTLE, origin).status_code == 403
    assert ann.log_in(HORSE).status_code == 200
    assert post_form(app, mail, CASTLE).status_code == 303


@builtin_only(TOLD_BY_SUPABASE)
def test_opening_the_link_uses_nothing_up_and_a_used_one_says_so(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    pages = [ann.call("GET", "/auth/confirm", query_string=mail.query).status_code for _ in range(2)]
    assert ann.reset(mail, CASTLE).status_code == 200
    pages.append(ann.call("GET", "/auth/confirm", query_string=mail.query).status_code)
    assert pages == [200, 200, 403]


@builtin_only(INDEPENDENT)
def test_a_redirect_counts_only_to_the_pages(app: Flask) -> None:
    ann = make_known(app, "ann")
    for wanted, got in ((f"{PAGES}/chat/x", f"{PAGES}/chat/x"), ("https://evil.example/", f"{PAGES}/chat")):
        mail = ann.ask_for_reset(redirect_to=wanted)
        assert post_form(app, mail, CASTLE).headers["Location"] == got


@builtin_only(MAILED)
def test_the_person_hears_of_it_also_when_the_addresss_mails_are_used_up(app: Flask) -> None:
    ann = make_known(app, "ann")
    mail = ann.ask_for_reset()
    for _ in range(5):
        ann.ask()
    assert ann.reset(mail, CASTLE).status_code == 200
    notice = ann.mails()[0]
    assert (notice.subject, notice.code, notice.link) == ("Your Pulse password was changed", "", f"{PAGES}/login")


def test_a_stranger_who_signed_up_with_the_address_has_no_password_after_its_owner_set_one(app: Flask) -> None:
    stranger, ann = Visitor(app, "ann@example.org"), Visitor(app, "ann@example.org")
    stranger.sign_up(STAPLE)
    ann.sign_in()
    ann.keep(ann.reset(ann.ask_for_reset(), CASTLE))
    assert [ann.log_in(password).status_code for password in (STAPLE, CASTLE)] == [401, 200]


def test_how_many_passwords_may_be_tried_at_a_link_is_limited_and_the_link_stays_good(make_app: MakeApp) -> None:
    app = make_app(CODES_PER_IP="4", TRUSTED_PROXIES="1")
    ann = Visitor(app, "ann@example.org").sign_in()
    mail = ann.ask_for_reset()

    def reset(password: str, network: str) -> int:
        body, headers = {**mail.query, "password": password}, {"X-Forwarded-For": network}
        return ann.call("POST", "/auth/confirm", json=body, headers=headers).status_code

    assert [reset("qwertyuiop", "203.0.113.1") for _ in range(5)] == [422] * 4 + [429]
    assert reset(CASTLE, "203.0.113.1") == 429
    assert reset(CASTLE, "203.0.113.2") == 200
