"""What a browser may do: cookies from our pages only, the confirm page's form, CORS."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.auth.conftest import OWN_ORIGIN, PAGES, MakeApp
from tests.auth.visitor import Visitor

FOREIGN = [
    "https://evil.example",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost:3000.evil.example",
    "http://127.0.0.1:3000",
    "null",
    "file://",
    "",
]


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def sign_in(browser: FlaskClient, ann: Visitor, origin: str = PAGES) -> TestResponse:
    mail = ann.ask()
    return browser.post("/auth/confirm", json={"token_hash": mail.token}, headers={"Origin": origin})


def cookies(answer: TestResponse) -> dict[str, str]:
    return {cookie.split("=")[0]: cookie for cookie in answer.headers.getlist("Set-Cookie")}


def test_a_page_of_ours_gets_cookies_and_no_refresh_token_in_the_body(browser: FlaskClient, ann: Visitor) -> None:
    answer = sign_in(browser, ann)
    assert answer.status_code == 200
    assert "refresh_token" not in answer.get_json()
    given = cookies(answer)
    assert set(given) == {"pulse_access", "pulse_refresh"}
    assert re.search(r"; Max-Age=(600|59\d); HttpOnly; Path=/; SameSite=Lax$", given["pulse_access"])
    assert given["pulse_refresh"].endswith("; Max-Age=2592000; HttpOnly; Path=/auth; SameSite=Lax")
    assert browser.get("/auth/session").get_json()["user"]["email"] == ann.email


def test_a_program_without_origin_gets_the_token_and_no_cookies(ann: Visitor) -> None:
    answer = ann.confirm(token_hash=ann.ask().token)
    assert answer.get_json()["refresh_token"]
    assert "Set-Cookie" not in answer.headers


def test_cookies_are_secure_on_https_and_may_span_hosts(make_app: MakeApp) -> None:
    app = make_app(
        PUBLIC_URL="https://chat.example.org",
        AUTH_PUBLIC_URL="https://auth.example.org",
        COOKIE_DOMAIN="example.org",
        SIGNUP="open",
        SMTP_URL="smtp://127.0.0.1:1",
        MAIL_FROM="pulse@example.org",
    )
    # Its mail is read on an installation beside it: this one has no inbox.
    answer = sign_in(app.test_client(), Visitor(make_app(), "ann@example.org"), "https://chat.example.org")
    assert all("; Secure" in one and "; Domain=example.org" in one for one in cookies(answer).values())


@pytest.mark.parametrize("origin", FOREIGN)
def test_no_other_page_signs_anybody_in(newcomer: Visitor, origin: str) -> None:
    browser, mail = newcomer.app.test_client(), newcomer.ask()
    for arguments in (
        {"json": {"token_hash": mail.token}},
        {"json": {"email": newcomer.email, "code": mail.code}},
        {"data": {"token_hash": mail.token}},
    ):
        answer = browser.post("/auth/confirm", headers={"Origin": origin}, **arguments)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert newcomer.confirm(token_hash=mail.token).status_code == 200


def test_a_browser_refreshes_by_cookie_from_our_pages_only(browser: FlaskClient, ann: Visitor) -> None:
    before = cookies(sign_in(browser, ann))
    for origin in FOREIGN:
        assert browser.post("/auth/refresh", json={}, headers={"Origin": origin}).status_code == 403
    assert browser.post("/auth/refresh", json={}).get_json()["code"] == "origin_not_allowed"
    answer = browser.post("/auth/refresh", json={}, headers={"Origin": PAGES})
    assert answer.status_code == 200
    assert "refresh_token" not in answer.get_json()
    assert cookies(answer)["pulse_refresh"] != before["pulse_refresh"]
    assert browser.get("/auth/session").status_code == 200


def test_a_browser_that_sends_its_token_in_the_body_gets_the_next_one_as_a_cookie_only(ann: Visitor) -> None:
    ann.sign_in()
    body = {"refresh_token": ann.refresh_token}
    assert ann.call("POST", "/auth/refresh", json=body, headers={"Origin": FOREIGN[0]}).status_code == 403
    answer = ann.call("POST", "/auth/refresh", json=body, headers={"Origin": PAGES})
    assert "refresh_token" not in answer.get_json()
    assert set(cookies(answer)) == {"pulse_access", "pulse_refresh"}


def test_the_confirm_form_signs_in_and_leads_to_the_chat(browser: FlaskClient, ann: Visitor) -> None:
    for target, expected in ((PAGES + "/chat/7?x=1#m", PAGES + "/chat/7?x=1#m"), ("//evil.example", PAGES + "/chat")):
        form = {"token_hash": ann.ask().token, "redirect_to": target}
        answer = browser.post("/auth/confirm", data=form, headers={"Origin": OWN_ORIGIN})
        assert (answer.status_code, answer.headers["Location"]) == (303, expected)
        assert set(cookies(answer)) == {"pulse_access", "pulse_refresh"}
        assert answer.headers["Cache-Control"] == "no-store"
    assert browser.get("/auth/session").status_code == 200


def test_a_form_without_origin_signs_nobody_in(browser: FlaskClient, ann: Visitor) -> None:
    mail = ann.ask()
    answer = browser.post("/auth/confirm", data={"token_hash": mail.token})
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert ann.confirm(token_hash=mail.token).status_code == 200


def test_our_pages_may_call_with_credentials_and_others_may_not(browser: FlaskClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    ours = browser.options("/auth/login", headers={"Origin": PAGES, **asked})
    assert ours.headers["Access-Control-Allow-Origin"] == PAGES
    assert ours.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Content-Type" in ours.headers["Access-Control-Allow-Headers"]
    for origin in FOREIGN:
        answer = browser.options("/auth/login", headers={"Origin": origin, **asked})
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-Allow")]
    refused = browser.get("/auth/session", headers={"Origin": PAGES})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, PAGES)
    assert refused.headers["Access-Control-Expose-Headers"] == "X-Request-Id, Retry-After"


def test_further_origins_are_allowed_by_name(make_app: MakeApp) -> None:
    app = make_app(ALLOWED_ORIGINS="https://beta.example.org, http://localhost:4000/")
    ann = Visitor(app, "ann@example.org")
    assert sign_in(app.test_client(), ann, "http://localhost:4000").status_code == 200
    assert sign_in(app.test_client(), ann, "https://beta.example.org").status_code == 200
    assert sign_in(app.test_client(), ann, "https://beta.example.org:8443").status_code == 403
