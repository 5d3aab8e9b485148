"""Coming back to ``/auth/callback``: from a link of the stock template, or from Google, in the browser that asked."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from services.auth.supabase.requests import Request, Requests, challenge, verifier
from tests.auth.conftest import AUTH_SECRET
from tests.auth.supabase_world import Browser, World, follow, open_world
from tests.conftest import Database
from tests.standins.gotrue.google import Account

CHAT = "http://localhost:3000/chat/7"


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with open_world(database, templates=False) as world:
        yield world


def test_a_link_of_the_stock_template_signs_in_the_browser_that_asked(world: World) -> None:
    ann = Browser(world, "ann@example.org")
    for _ in range(2):  # the confirmation template, then the magic link's
        back = follow(ann.ask_for_link(redirect_to=CHAT).link)
        answer = ann.open(back)
        assert (answer.status_code, answer.headers["Location"]) == (303, CHAT)
        assert ann.session().get_json()["user"]["email"] == "ann@example.org"
        assert ann.open(back).status_code == 403  # a code counts once


def test_two_requests_of_one_browser_both_work(world: World) -> None:
    ann = Browser(world, "ann@example.org")
    ben = Browser(world, "ben@example.org")
    ben.client = ann.client
    first, second = ann.ask_for_link(), ben.ask_for_link()
    assert ann.open(follow(first.link)).status_code == 303
    assert ben.open(follow(second.link)).status_code == 303
    assert ben.session().get_json()["user"]["email"] == "ben@example.org"


def test_another_browser_is_told_where_to_open_the_link_and_gets_no_session(world: World) -> None:
    ann, elsewhere = Browser(world, "ann@example.org"), Browser(world, "ann@example.org")
    back = follow(ann.ask_for_link().link)
    for _ in range(2):  # without a cookie, and with one of another request
        answer = elsewhere.open(back)
        assert (answer.status_code, answer.mimetype) == (403, "text/html")
        text = answer.get_data(as_text=True)
        assert ("Open the link where you asked for it" in text, "Google" in text) == (True, False)
        assert "pulse_access" not in str(answer.headers)
        elsewhere.call("/auth/login", {"email": "cho@example.org"})


def test_a_link_to_somebody_elses_code_does_not_sign_in(world: World) -> None:
    """Login CSRF: ann opens an address with a code that cho got for himself."""
    ann, cho = Browser(world, "ann@example.org"), Browser(world, "cho@example.org")
    ann.ask_for_link()
    back = follow(cho.ask_for_link().link)
    assert ann.open(back).status_code == 403
    assert ann.session().status_code == 401


def test_an_expired_link_and_a_link_without_a_code_say_so(world: World) -> None:
    ann = Browser(world, "ann@example.org")
    mail = ann.ask_for_link()
    follow(mail.link)
    used = ann.open(follow(mail.link).partition("#")[0])
    assert used.status_code == 403
    assert "no longer works" in used.get_data(as_text=True)
    bare = ann.open("/auth/callback")
    assert bare.status_code == 400
    assert "mail templates" in bare.get_data(as_text=True)
    forged = ann.open("/auth/callback?request=forged&code=00000000-0000-0000-0000-000000000000")
    assert forged.status_code == 403


def test_the_browsers_cookie_is_out_of_reach(world: World) -> None:
    ann = Browser(world, "ann@example.org")
    answer = ann.call("/auth/login", {"email": ann.email})
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("pulse_browser=")]
    assert {"HttpOnly", "Path=/auth", "SameSite=Lax", "Max-Age=3600"} <= {part.strip() for part in cookie.split(";")}
    again = ann.call("/auth/login", {"email": ann.email}).headers.getlist("Set-Cookie")
    assert cookie.split(";")[0] == next(one for one in again if one.startswith("pulse_browser=")).split(";")[0]


def test_google_signs_in_and_leads_to_the_page_that_asked(world: World) -> None:
    world.project.gotrue.google.consenting = Account("ann@example.org", "Ann Lee")
    ann = Browser(world, "ann@example.org")
    begun = ann.open(f"/auth/google?redirect_to={CHAT}")
    assert begun.status_code == 302
    assert begun.headers["Location"].startswith(f"{world.project.url}/auth/v1/authorize?provider=google&")
    back = follow(follow(begun.headers["Location"]))
    answer = ann.open(back)
    assert (answer.status_code, answer.headers["Location"]) == (303, CHAT)
    assert ann.session().get_json()["user"]["name"] == "Ann Lee"
    elsewhere = Browser(world, "").open(back)
    assert (elsewhere.status_code, "Google" in elsewhere.get_data(as_text=True)) == (403, True)


@pytest.mark.parametrize("by_id_token", [True, False], ids=["id token", "browser"])
def test_whoever_first_comes_in_by_google_leaves_no_strangers_password(world: World, by_id_token: bool) -> None:
    admin, account = world.provider.gotrue.admin(), Account("ann@example.org", "Ann Lee")
    made = admin.create_user({"email": account.email, "password": "a stranger's", "email_confirm": True}).user
    for password in ("a stranger's", "ann's own"):  # the second is set by somebody who has come in
        if by_id_token:
            body = {"id_token": world.project.gotrue.google.id_token(account)}
            assert world.person("ann").call("POST", "/auth/google", json=body).status_code == 200
        else:
            world.project.gotrue.google.consenting = account
            ann = Browser(world, account.email)
            assert ann.open(follow(follow(ann.open("/auth/google").headers["Location"]))).status_code == 303
            assert ann.session().get_json()["user"]["id"] == made.id
        credentials = {"email": account.email, "password": password}
        answer = world.person("ann").call("POST", "/auth/login", json=credentials)
        assert answer.status_code == (401 if password == "a stranger's" else 200)
        admin.update_user_by_id(made.id, {"password": "ann's own"})


def test_google_without_consent_or_a_verified_address_signs_nobody_in(world: World) -> None:
    for account in (None, Account("ann@example.org", "Ann", email_verified=False)):
        world.project.gotrue.google.consenting = account
        ann = Browser(world, "ann@example.org")
        back = follow(follow(ann.open("/auth/google").headers["Location"]))
        assert ann.open(back.partition("#")[0]).status_code == 403
        assert ann.session().status_code == 401


def test_an_id_token_signs_in_and_a_foreign_one_does_not(world: World) -> None:
    ann = world.person("ann")
    google = world.project.gotrue.google
    account = Account(ann.email, "Ann Lee")
    ann.keep(ann.call("POST", "/auth/google", json={"id_token": google.id_token(account)}))
    assert ann.user["name"] == "Ann Lee"
    nonced = google.id_token(account, nonce="once")
    assert ann.call("POST", "/auth/google", json={"id_token": nonced, "nonce": "once"}).status_code == 200
    refused = [
        {"id_token": nonced, "nonce": "twice"},
        {"id_token": google.id_token(account, aud="another app")},
        {"id_token": google.id_token(account, exp=1)},
        {"id_token": ann.access_token},
        {"id_token": "nonsense"},
    ]
    for body in refused:
        answer = ann.call("POST", "/auth/google", json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "sign_in_refused")


def test_a_seal_opens_only_with_its_own_secret_and_at_its_own_address() -> None:
    callback = "https://chat.example.org/auth/callback"
    requests = Requests(AUTH_SECRET, callback)
    request = Request.new("link", "ann@example.org", "Firefox on Linux", CHAT)
    address = requests.address(request)
    opened = requests.open_address(address)
    assert opened is not None
    assert opened.request == request
    assert "ann" not in address
    others = Requests("another secret, also of 32 letters or more", callback)
    for wrong in (others.address(request), address[:-3] + "AAA", address.replace("chat.", "evil."), callback, "", None):
        assert requests.open_address(wrong) is None


def test_a_verifier_belongs_to_one_browser_and_one_request() -> None:
    pairs = {verifier(secret, request) for secret in ("a", "b") for request in ("1", "2")}
    assert {len(one) for one in pairs} == {43}
    assert len(pairs) == 4
    assert challenge("a", "1") not in pairs


def test_what_is_sent_to_gotrue_holds_no_verifier_and_always_a_challenge(world: World) -> None:
    world.person("ann").ask_for_link()
    Browser(world, "ben@example.org").ask_for_link()
    sent = [one for one in world.project.gateway.requests if one.path == "/auth/v1/otp"]
    assert len(sent) == 2
    for one in sent:
        assert b'"code_challenge_method":"s256"' in one.body.replace(b" ", b"")
        assert parse_qs(one.query)["redirect_to"][0].startswith(world.auth_url + "/auth/callback?request=")
        assert urlsplit(one.path).query == ""
