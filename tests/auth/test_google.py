"""Google without Supabase, against a real OpenID provider: who comes in, as whom, and who does not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.auth.conftest import PAGES, MakeApp, Owner
from tests.auth.openid import Browser, RealProvider, run_real_provider, settings_for
from tests.auth.providers import builtin_only
from tests.auth.visitor import Visitor

pytestmark = builtin_only("with Supabase Auth, Google is set up in the project")
CHAT = f"{PAGES}/chat/7"


@pytest.fixture(scope="module")
def google() -> Iterator[RealProvider]:
    with run_real_provider() as provider:
        provider.tell("ann", email="Ann@Example.org", email_verified=True, name="Ann Lee")
        provider.tell("ben", email="ben@example.org", email_verified=True, name="\u202eBen")
        provider.tell("cho", email="cho@example.org", email_verified=False, name="Cho")
        yield provider


@pytest.fixture
def app(make_app: MakeApp, google: RealProvider) -> Flask:
    return make_app(**settings_for(google.url))


def come_back(browser: Browser, google: RealProvider, subject: str | None, redirect_to: str = "") -> TestResponse:
    return browser.open(google.consent(browser.begin(redirect_to), subject))


def post(app: Flask, id_token: str, **more: str) -> TestResponse:
    return Visitor(app, "").call("POST", "/auth/google", json={"id_token": id_token, **more})


def said(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_google_signs_in_and_leads_to_the_page_that_asked(app: Flask, google: RealProvider) -> None:
    browser = Browser(app)
    answer = come_back(browser, google, "ann", redirect_to=CHAT)
    assert (answer.status_code, answer.headers["Location"]) == (303, CHAT)
    user = browser.user()
    assert user is not None
    assert (user["name"], user["email"], user["role"]) == ("Ann Lee", "ann@example.org", "admin")  # the first
    cookies = answer.headers.getlist("Set-Cookie")
    assert sorted(cookie.split("=")[0] for cookie in cookies) == ["pulse_access", "pulse_refresh"]
    assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)


def test_another_place_is_not_led_to(app: Flask, google: RealProvider) -> None:
    answer = come_back(Browser(app), google, "ann", redirect_to="https://evil.example/chat")
    assert answer.headers["Location"] == f"{PAGES}/chat"


def test_whoever_cancels_or_is_not_verified_is_signed_in_by_nobody(app: Flask, google: RealProvider) -> None:
    for subject, told in ((None, "did not say who you are"), ("cho", "not confirmed")):
        browser = Browser(app)
        answer = come_back(browser, google, subject)
        assert (answer.status_code, answer.mimetype) == (403, "text/html")
        assert told in answer.get_data(as_text=True)
        assert "pulse_access" not in str(answer.headers)
        assert browser.user() is None


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(app: Flask, google: RealProvider) -> None:
    ann, stranger = Browser(app), Browser(app)
    back = google.consent(ann.begin(), "ann")
    for _ in range(2):  # without a cookie, and with one of another request
        assert stranger.open(back).status_code == 403
        stranger.begin()
    assert stranger.user() is None
    assert ann.open(back).status_code == 303
    again = ann.open(back)
    assert (again.status_code, "pulse_access" in str(again.headers)) == (403, False)


def test_an_answer_to_somebody_else_does_not_sign_in(app: Flask, google: RealProvider) -> None:
    """Login CSRF: ann opens an address with a code that ben got for himself."""
    ann, ben = Browser(app), Browser(app)
    ann.begin()
    assert ann.open(google.consent(ben.begin(), "ben")).status_code == 403
    mixed = google.consent(ann.begin(), "ann").partition("state=")[0]
    assert ann.open(f"{mixed}state=forged").status_code == 403
    assert ann.user() is None


def test_two_requests_of_one_browser_both_work(app: Flask, google: RealProvider) -> None:
    browser = Browser(app)
    backs = [google.consent(browser.begin(), subject) for subject in ("ann", "ben")]
    for back, name in zip(backs, ("Ann Lee", "Ben"), strict=True):
        assert browser.open(back).status_code == 303
        user = browser.user()
        assert user is not None
        assert user["name"] == name  # ben's own would have turned the text around it


def test_an_id_token_signs_in_once_with_its_nonce_for_this_client(app: Flask, google: RealProvider) -> None:
    ann = Visitor(app, "ann@example.org").keep(post(app, google.id_token("ann")))
    assert ann.user["email"] == "ann@example.org"
    hashed = hashlib.sha256(b"once").hexdigest()
    nonced = google.id_token("ann", nonce=hashed)
    for wrong in ({}, {"nonce": "twice"}, {"nonce": hashed}):
        assert said(post(app, nonced, **wrong)) == (403, "sign_in_refused")
    assert post(app, nonced, nonce="once").status_code == 200
    assert said(post(app, nonced, nonce="once")) == (403, "link_expired")
    assert said(post(app, google.id_token("ann"), nonce="once")) == (403, "sign_in_refused")
    assert said(post(app, google.id_token("ann", client_id="another app"))) == (403, "sign_in_refused")
    assert said(post(app, google.id_token("cho"))) == (403, "email_not_confirmed")


def test_a_posted_address_alone_is_nobodys_proof(app: Flask, google: RealProvider) -> None:
    """One seed signed in whoever posted an address."""
    post(app, google.id_token("ann"))
    stranger = Visitor(app, "ann@example.org")
    assert stranger.call("POST", "/auth/google", json={"email": stranger.email}).status_code == 422
    assert said(post(app, "ann@example.org")) == (403, "sign_in_refused")
    answer = stranger.call("POST", "/auth/login", json={"email": stranger.email})
    assert (answer.status_code, "access_token" in answer.get_json()) == (202, False)
    assert stranger.call("GET", "/users").status_code == 401


def test_a_mailed_link_and_google_lead_to_the_same_person(app: Flask, google: RealProvider) -> None:
    ann = Visitor(app, "ann@example.org").sign_in()
    assert post(app, google.id_token("ann")).get_json()["user"]["id"] == ann.user["id"]
    ben = Visitor(app, "ben@example.org").keep(post(app, google.id_token("ben")))
    assert Visitor(app, "ben@example.org").sign_in().user["id"] == ben.user["id"]


def test_whoever_changes_the_address_at_google_stays_who_they_are(make_app: MakeApp, google: RealProvider) -> None:
    app = make_app(**settings_for(google.url, SIGNUP="invited", ADMIN_EMAILS="dee@example.org,boss@example.org"))
    google.tell("dee", email="dee@example.org", email_verified=True)
    dee = post(app, google.id_token("dee")).get_json()["user"]
    google.tell("eve", email="eve@example.org", email_verified=True)
    eve = Visitor(app, "").keep(post(app, invite(app, google, "eve", "dee@example.org")))
    for changed in ("new@example.org", "dee@example.org", "boss@example.org"):
        google.tell("eve", email=changed, email_verified=True)
        again = post(app, google.id_token("eve")).get_json()["user"]
        assert (again["id"], again["email"], again["role"]) == (eve.user["id"], "eve@example.org", "member")
    assert post(app, google.id_token("dee")).get_json()["user"]["id"] == dee["id"]


def invite(app: Flask, google: RealProvider, subject: str, admin: str) -> str:
    inviting = Visitor(app, admin).sign_in()
    assert inviting.call("POST", "/users", json={"email": f"{subject}@example.org"}).status_code == 201
    return google.id_token(subject)


def test_an_address_that_passes_to_another_google_account_takes_nobody_over(
    app: Flask, google: RealProvider, owner: Owner
) -> None:
    ann = post(app, google.id_token("ann")).get_json()["user"]
    google.tell("heir", email="ann@example.org", email_verified=True)
    refused = post(app, google.id_token("heir"))
    assert said(refused) == (403, "other_identity")
    assert "another account" in refused.get_json()["message"]
    shown = come_back(Browser(app), google, "heir")
    assert (shown.status_code, "another account" in shown.get_data(as_text=True)) == (403, True)
    assert owner("select count(*) from builtin_auth.sessions") == [(1,)]
    assert post(app, google.id_token("ann")).get_json()["user"]["id"] == ann["id"]


def test_only_the_invited_come_in_by_google_either(make_app: MakeApp, google: RealProvider) -> None:
    app = make_app(**settings_for(google.url, SIGNUP="invited", ADMIN_EMAILS="ann@example.org"))
    assert post(app, google.id_token("ann")).get_json()["user"]["role"] == "admin"
    assert said(post(app, google.id_token("ben"))) == (403, "not_invited")
    browser = Browser(app)
    assert come_back(browser, google, "ben").status_code == 403
    assert browser.user() is None
    ben = post(app, invite(app, google, "ben", "ann@example.org")).get_json()["user"]
    assert (ben["name"], ben["role"]) == ("Ben", "member")


def test_somebody_deleted_comes_back_as_somebody_new(app: Flask, google: RealProvider, owner: Owner) -> None:
    post(app, google.id_token("ann"))  # the first: an admin, who could not leave
    ben = Visitor(app, "").keep(post(app, google.id_token("ben")))
    assert ben.call("DELETE", f"/users/{ben.user['id']}").status_code == 204
    assert owner("select count(*) from builtin_auth.identities where subject = 'ben'") == [(0,)]
    assert ben.call("GET", "/auth/session").status_code == 401
    assert post(app, google.id_token("ben")).get_json()["user"]["id"] != ben.user["id"]


def test_somebody_whose_removal_is_not_finished_stays_out(app: Flask, google: RealProvider, owner: Owner) -> None:
    post(app, google.id_token("ann"))
    ben = Visitor(app, "").keep(post(app, google.id_token("ben")))
    owner("revoke execute on function builtin_auth.delete_account from service_role")
    assert ben.call("DELETE", f"/users/{ben.user['id']}").status_code == 500
    assert said(post(app, google.id_token("ben"))) == (401, "account_unknown")


def test_a_password_that_nobody_confirmed_is_worth_nothing_after_google(app: Flask, google: RealProvider) -> None:
    """No account is taken beforehand: a stranger's password does not wait in it for its owner."""
    stranger = Visitor(app, "ben@example.org")
    chosen = {"email": stranger.email, "password": "a stranger's 64 long words"}
    assert stranger.call("POST", "/auth/signup", json=chosen).status_code == 202
    [mail] = stranger.mails()
    ben = Visitor(app, stranger.email).keep(post(app, google.id_token("ben")))
    assert said(stranger.call("POST", "/auth/login", json=chosen)) == (401, "invalid_credentials")
    assert ben.keep(ben.confirm(token_hash=mail.token)).user["email"] == stranger.email  # by mail ben is ben
    assert said(stranger.call("POST", "/auth/login", json=chosen)) == (401, "invalid_credentials")


def test_whether_google_is_offered_is_told_and_where_it_is_not_nothing_of_it_is_there(
    app: Flask, make_app: MakeApp, google: RealProvider
) -> None:
    without = make_app()
    assert app.test_client().get("/auth/methods").get_json()["google"] is True
    assert without.test_client().get("/auth/methods").get_json()["google"] is False
    assert said(post(without, google.id_token("ann"))) == (404, "not_offered")
    for path in ("/auth/google", "/auth/callback", "/auth/callback?state=x&code=y", "/auth/callback?error=x"):
        assert without.test_client().get(path).status_code == 404


def test_beginning_with_google_uses_up_no_logins(make_app: MakeApp, google: RealProvider) -> None:
    """Any page can have a visitor's browser begin, by an image."""
    without, offering = make_app(LOGINS_PER_IP="2"), make_app(LOGINS_PER_IP="2", **settings_for(google.url))
    assert [without.test_client().get("/auth/google").status_code for _ in range(3)] == [404] * 3
    begun = [offering.test_client().get("/auth/google") for _ in range(3)]
    assert [answer.status_code for answer in begun] == [302, 302, 429]
    assert "then choose Google again" in begun[2].get_data(as_text=True)
    ann = Visitor(offering, "ann@example.org")
    logins = [ann.call("POST", "/auth/login", json={"email": ann.email}).status_code for _ in range(3)]
    assert logins == [202, 202, 429]


def test_who_comes_in_by_google_uses_up_no_tries_and_who_does_not_does(make_app: MakeApp, google: RealProvider) -> None:
    app = make_app(CODES_PER_IP="2", **settings_for(google.url))
    for _ in range(3):
        assert post(app, google.id_token("ann")).status_code == 200
        assert come_back(Browser(app), google, "ben").status_code == 303
    wrong = [post(app, google.id_token("cho")) for _ in range(3)]  # not verified there
    assert [answer.status_code for answer in wrong] == [403, 403, 429]
    assert come_back(Browser(app), google, "ben").status_code == 429


def test_the_pages_speak_of_google_where_that_was_the_way(app: Flask, google: RealProvider) -> None:
    browser = Browser(app)
    back = google.consent(browser.begin(), "ann")
    elsewhere = Browser(app).open(back)
    assert (elsewhere.status_code, "chose Google" in elsewhere.get_data(as_text=True)) == (403, True)
    assert browser.open(back).status_code == 303
    used = browser.open(back)
    assert (used.status_code, "choose Google again" in used.get_data(as_text=True)) == (403, True)
    mailed = browser.open("/auth/confirm?token_hash=wrong&type=email")
    assert (mailed.status_code, "Google" in mailed.get_data(as_text=True)) == (403, False)
