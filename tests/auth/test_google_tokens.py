"""Answers that are not what they seem: forged, stale, meant for others. An own issuer tells them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from joserfc.jwk import OctKey, RSAKey

from services.auth.builtin.google_states import STATE_SECONDS, States
from services.auth.provider import LinkExpired, OtherBrowser
from services.auth.seals import new_token
from tests.auth.conftest import AUTH_SECRET, MakeApp
from tests.auth.openid import CLIENT_ID, Browser, OwnIssuer, read_query, run_own_issuer, settings_for
from tests.auth.providers import builtin_only
from tests.auth.test_google import post, said

pytestmark = builtin_only("with Supabase Auth, Google is set up in the project")
ELSEWHERE = "https://elsewhere.example"
STRANGERS_KEY = RSAKey.generate_key(2048, {"kid": "one"}, private=True)


@pytest.fixture
def issuer() -> Iterator[OwnIssuer]:
    with run_own_issuer() as issuer:
        yield issuer


@pytest.fixture
def app(make_app: MakeApp, issuer: OwnIssuer) -> Flask:
    return make_app(**settings_for(issuer.url, CODES_PER_IP="1000"))


def forgeries(issuer: OwnIssuer, nonce: str | None) -> dict[str, str]:
    """Each with one thing wrong; ``nonce`` is the claim a right one has."""
    now = int(time.time())

    def signed(**changed: object) -> str:
        return issuer.sign(issuer.claims(nonce=nonce, **changed))

    right = issuer.claims(nonce=nonce)
    return {
        "unsigned": issuer.unsigned(right),
        "signed with the public key as a secret": issuer.sign_with_public_key(right),
        "signed with no secret": issuer.sign(right, OctKey.import_key(b"x" * 32), "HS256"),
        "signed by a stranger": issuer.sign(right, STRANGERS_KEY),
        "changed after signing": _swap(issuer.sign(right), signed(sub="somebody else")),
        "of another issuer": signed(iss=ELSEWHERE),
        "of the issuer's other spelling": signed(iss=issuer.url + "/"),
        "for another client": signed(aud="another app"),
        "also for another client": signed(aud=[CLIENT_ID, "another app"]),
        "for nobody": signed(aud=None),
        "expired": signed(exp=now - 60),
        "without an end": signed(exp=None),
        "with an end that is no number": signed(exp=str(now + 600)),
        "from the future": signed(iat=now + 600),
        "not yet good": signed(nbf=now + 600),
        "about nobody": signed(sub=None),
        "about an empty subject": signed(sub=""),
        "about an endless subject": signed(sub="s" * 256),
        "with another nonce": issuer.sign(issuer.claims(nonce="another")),
        "no token": "a.b.c",
    }


def _swap(token: str, other: str) -> str:
    """``token`` with the payload of ``other``."""
    header, _, signature = token.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


def test_no_forged_token_signs_in_and_the_right_one_does(app: Flask, issuer: OwnIssuer) -> None:
    for name, token in forgeries(issuer, None).items():
        assert (name, *said(post(app, token))) == (name, 403, "sign_in_refused")
    user = post(app, issuer.sign(issuer.claims())).get_json()["user"]
    assert (user["email"], user["name"]) == ("ann@example.org", "Ann Lee")


def test_no_forged_answer_signs_a_browser_in_and_the_right_one_does(app: Flask, issuer: OwnIssuer) -> None:
    browser = Browser(app)
    for name in (*forgeries(issuer, None), "without a nonce", "for another party"):
        address = browser.begin()
        if name == "without a nonce":
            back = issuer.consent(address, nonce=None)
        elif name == "for another party":
            back = issuer.consent(address, azp="another app")
        else:
            back = issuer.consent(address, token=forgeries(issuer, read_query(address)["nonce"])[name])
        answer = browser.open(back)
        assert (name, answer.status_code, "pulse_access" in str(answer.headers)) == (name, 403, False)
    assert browser.user() is None
    assert browser.open(issuer.consent(browser.begin())).status_code == 303


def test_an_address_nobody_vouches_for_signs_nobody_in(app: Flask, issuer: OwnIssuer) -> None:
    for verified in (None, False, "false", "true", 1):
        token = issuer.sign(issuer.claims(email_verified=verified))
        assert said(post(app, token)) == (403, "email_not_confirmed")
    for email in (None, "", "nobody", 7, "a\nb@example.org"):
        assert said(post(app, issuer.sign(issuer.claims(email=email)))) == (403, "email_not_confirmed")


def test_an_address_may_come_from_the_userinfo_of_the_same_person_only(app: Flask, issuer: OwnIssuer) -> None:
    told = {"email": "ann@example.org", "email_verified": True, "name": "Ann"}
    for subject, status in (("somebody else", 403), (None, 403), ("subject-of-ann", 303)):
        issuer.userinfo = {**told, "sub": subject}
        browser = Browser(app)
        back = issuer.consent(browser.begin(), email=None, email_verified=None)
        assert browser.open(back).status_code == status
    user = browser.user()
    assert user is not None
    assert user["email"] == "ann@example.org"


def test_a_key_that_is_new_is_fetched_and_one_nobody_has_only_now_and_then(app: Flask, issuer: OwnIssuer) -> None:
    post(app, issuer.sign(issuer.claims()))
    fetched = issuer.asked.count("/jwks")
    for _ in range(5):
        token = issuer.sign(issuer.claims(), STRANGERS_KEY, kid="three")
        assert said(post(app, token)) == (403, "sign_in_refused")
    assert issuer.asked.count("/jwks") == fetched


def test_a_code_is_worth_nothing_with_the_verifier_of_another_request(app: Flask, issuer: OwnIssuer) -> None:
    browser = Browser(app)
    stolen = issuer.consent(browser.begin()).partition("code=")[2]
    other = issuer.consent(browser.begin()).partition("&code=")[0]
    assert browser.open(f"{other}&code={stolen}").status_code == 403
    assert browser.user() is None


def test_a_state_is_good_for_ten_minutes_in_its_own_browser() -> None:
    now = [1_000_000.0]
    states = States(AUTH_SECRET, now=lambda: now[0])
    browser, another = new_token(), new_token()
    _, sealed = states.make("https://chat.example.org/chat/7", browser)
    assert browser not in sealed
    now[0] += STATE_SECONDS - 1
    assert states.open(sealed, browser).redirect_to == "https://chat.example.org/chat/7"
    for refused in (
        (sealed, another, states),
        (sealed[:-2] + "xx", browser, states),
        ("", browser, states),
        ("\u20ac", browser, states),
        (sealed, browser, States("another-secret-of-thirty-two-characters", now=lambda: now[0])),
    ):
        with pytest.raises(OtherBrowser):
            refused[2].open(refused[0], refused[1])
    now[0] += 2
    with pytest.raises(LinkExpired):
        states.open(sealed, browser)
