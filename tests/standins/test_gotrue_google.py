"""GoTrue's wire for Google, on the stand-in alone: the real server asks Google itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.standins.conftest import MakeWire
from tests.standins.gotrue import Account, Gotrue
from tests.standins.test_gotrue_links import PKCE, VERIFIER
from tests.standins.wire import SITE, Wire, read, refusal

CALLBACK = f"{SITE}/auth/callback"
ANN = Account("ann@example.org")


@pytest.fixture
def wire(make_standin: MakeWire) -> Wire:
    return make_standin()


def google(wire: Wire) -> Gotrue:
    assert isinstance(wire.server, Gotrue)
    return wire.server


def visit(wire: Wire, **query: str) -> dict[str, list[str]]:
    """Where a browser ends up that begins to sign in: the answer's query."""
    query = {"provider": "google", "redirect_to": CALLBACK, **query}
    away = wire.call("GET", "/authorize", params=query)
    assert away.status_code == 302, away.text
    back = requests.get(away.headers["Location"], allow_redirects=False, timeout=30)
    target = urlsplit(back.headers["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == CALLBACK
    return parse_qs(target.query)


def test_consent_brings_a_code_for_the_verifier(wire: Wire) -> None:
    code = visit(wire, **PKCE)["code"][0]
    opened = read(wire.post("/token?grant_type=pkce", auth_code=code, code_verifier=VERIFIER))
    assert opened["user"]["app_metadata"] == {"provider": "google", "providers": ["google"]}
    assert opened["user"]["user_metadata"]["full_name"] == "Ann"


def test_no_consent_brings_an_error(wire: Wire) -> None:
    google(wire).google.consenting = None
    assert visit(wire, **PKCE)["error"] == ["access_denied"]


def test_an_address_that_google_did_not_verify_signs_nobody_in(wire: Wire) -> None:
    google(wire).google.consenting = Account("ann@example.org", email_verified=False)
    assert visit(wire, **PKCE)["error_code"] == ["provider_email_needs_verification"]


def test_a_known_person_s_account_is_joined(wire: Wire) -> None:
    person = wire.add_person(email=ANN.email)
    token = google(wire).google.id_token(ANN)
    joined = read(wire.post("/token?grant_type=id_token", provider="google", id_token=token))
    assert joined["user"]["id"] == person["id"]
    assert joined["user"]["app_metadata"]["providers"] == ["email", "google"]
    wire.sign_in_by_password(ANN.email)


def test_a_password_nobody_confirmed_is_dropped(wire: Wire) -> None:
    read(wire.post("/signup", email=ANN.email, password="ben's password"))
    read(wire.post("/token?grant_type=id_token", provider="google", id_token=google(wire).google.id_token(ANN)))
    refused = wire.post("/token?grant_type=password", email=ANN.email, password="ben's password")
    assert refusal(refused) == (400, "invalid_credentials")


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        ({"aud": "somebody-else"}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"exp": 1}, {}),
        ({"nonce": "x"}, {}),
        ({}, {"nonce": "x"}),
        ({"nonce": "x"}, {"nonce": "y"}),
    ],
)
def test_an_id_token_for_somebody_else_is_refused(wire: Wire, changed: dict[str, Any], sent: dict[str, str]) -> None:
    token = google(wire).google.id_token(ANN, **changed)
    refused = wire.post("/token?grant_type=id_token", provider="google", id_token=token, **sent)
    assert refused.status_code == 400
    assert set(refused.json()) == {"error", "error_description"}


def test_an_id_token_with_its_nonce_signs_in(wire: Wire) -> None:
    token = google(wire).google.id_token(ANN, nonce="once")
    read(wire.post("/token?grant_type=id_token", provider="google", id_token=token, nonce="once"))


def test_a_project_without_google_offers_none(make_standin: MakeWire) -> None:
    wire = make_standin(google=False)
    assert refusal(wire.call("GET", "/authorize?provider=google")) == (400, "validation_failed")
