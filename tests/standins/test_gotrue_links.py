"""GoTrue's wire: asking for a link, the mail, and taking what it says."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
import requests
from werkzeug.wrappers import Response

from tests.standins.conftest import MakeWire
from tests.standins.mailbox import Mailbox
from tests.standins.server import serve
from tests.standins.wire import SITE, Wire, read, refusal, somebody

VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "s256"}
EXPIRED = (403, "otp_expired")
TEMPLATE = """<!-- not for readers -->
<a href="{{ .SiteURL }}/auth/confirm?token_hash={{ .TokenHash }}&type=email&redirect_to={{ .RedirectTo }}">Sign in</a>
<p>{{ .Token }} is for {{ .Email }} &amp; nobody else</p>"""


def test_a_stranger_s_first_mail_is_a_confirmation_and_later_ones_are_links(wire: Wire) -> None:
    email = somebody()
    first = wire.ask(email)
    assert (first.subject, parse_qs(urlsplit(first.link).query)["type"]) == ("Confirm your email address", ["signup"])
    read(wire.post("/verify", type="email", token_hash=first.query("token")))
    second = wire.ask(email)
    assert (second.subject, second.query("type")) == ("Your sign-in link", "magiclink")


def test_the_token_hash_is_made_of_address_and_code(make_wire: MakeWire) -> None:
    with serve(Response(TEMPLATE)) as templates:
        wire = make_wire(templates={"confirmation": f"{templates}/confirmation.html"})
        mail = wire.ask("ann@example.org")
        assert mail.query("token_hash") == hashlib.sha224(f"ann@example.org{mail.code}".encode()).hexdigest()


def test_a_template_is_fetched_and_filled_in_as_go_does(make_wire: MakeWire) -> None:
    target = "http://localhost:5001/auth/callback?state=a+b&next=/chat#x"
    with serve(Response(TEMPLATE)) as templates:
        wire = make_wire(templates={"confirmation": f"{templates}/confirmation.html"}, subjects={"confirmation": "Hi"})
        mail = wire.ask("ann+1@example.org", f"/otp?redirect_to={quote(target, safe='')}")
    assert mail.subject == "Hi"
    assert mail.link.startswith(f"{SITE}/auth/confirm?token_hash=")
    assert (mail.query("type"), mail.query("redirect_to")) == ("email", target)
    assert "for ann+1@example.org & nobody" in mail.text
    assert "not for readers" not in mail.html
    assert "ann&#43;1" in mail.html


def test_a_template_that_is_not_there_gives_the_stock_mail(make_wire: MakeWire) -> None:
    with serve(Response("no", 404)) as templates:
        wire = make_wire(templates={"confirmation": f"{templates}/confirmation.html"})
        assert urlsplit(wire.ask("ann@example.org").link).path == "/verify"


@pytest.mark.parametrize("type_", ["email", "signup"])
def test_a_link_s_hash_opens_a_session(wire: Wire, type_: str) -> None:
    email = somebody()
    opened = read(wire.post("/verify", type=type_, token_hash=wire.ask(email).query("token")))
    assert opened["token_type"] == "bearer"
    assert opened["expires_in"] == 3600
    assert opened["user"]["email"] == email
    assert opened["user"]["email_confirmed_at"]
    assert opened["user"]["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert opened["user"]["identities"][0]["identity_data"]["email_verified"] is True
    assert opened["user"]["user_metadata"]["email_verified"] is True


def test_an_address_counts_whatever_its_case(wire: Wire) -> None:
    email = somebody()
    read(wire.post("/otp", email=email.upper()))
    read(wire.post("/verify", type="email", token_hash=wire.mailbox.wait_for(email).query("token")))


def test_a_link_works_once(wire: Wire) -> None:
    token = wire.ask(somebody()).query("token")
    read(wire.post("/verify", type="email", token_hash=token))
    assert refusal(wire.post("/verify", type="email", token_hash=token)) == EXPIRED


def test_a_confirmation_is_no_magic_link(wire: Wire) -> None:
    token = wire.ask(somebody()).query("token")
    assert refusal(wire.post("/verify", type="magiclink", token_hash=token)) == EXPIRED


def test_a_newer_link_ends_the_older(wire: Wire) -> None:
    email = somebody()
    wire.sign_in(email)
    older = wire.ask(email).query("token")
    wire.server.let_pass(2)
    newer = wire.ask(email).query("token")
    assert refusal(wire.post("/verify", type="email", token_hash=older)) == EXPIRED
    read(wire.post("/verify", type="email", token_hash=newer))


def test_an_old_link_has_expired(wire: Wire) -> None:
    token = wire.ask(somebody()).query("token")
    wire.server.let_pass(601)
    assert refusal(wire.post("/verify", type="email", token_hash=token)) == EXPIRED


def test_a_link_lasts_until_then(wire: Wire) -> None:
    token = wire.ask(somebody()).query("token")
    wire.server.let_pass(590)
    read(wire.post("/verify", type="email", token_hash=token))


def test_a_code_signs_in_whose_it_is(wire: Wire) -> None:
    email = somebody()
    link = read(wire.post("/admin/generate_link", wire.service_token, type="magiclink", email=email))
    read(wire.post("/verify", type="email", email=email, token=link["email_otp"]))


def test_a_code_signs_in_nobody_else(wire: Wire) -> None:
    email, other = somebody(), somebody()
    wire.ask(other)
    link = read(wire.post("/admin/generate_link", wire.service_token, type="magiclink", email=email))
    for address in (other, somebody()):
        assert refusal(wire.post("/verify", type="email", email=address, token=link["email_otp"])) == EXPIRED


@pytest.mark.parametrize(
    "body",
    [
        {"token_hash": "x"},
        {"type": "email"},
        {"type": "email", "token_hash": "x", "token": "123456"},
        {"type": "email", "token_hash": "x", "email": "ann@example.org"},
        {"type": "email", "token": "123456"},
        {"type": "coffee", "token_hash": "x"},
    ],
)
def test_verify_wants_one_thing_and_its_type(wire: Wire, body: dict[str, str]) -> None:
    assert refusal(wire.call("POST", "/verify", json=body)) == (400, "validation_failed")


def test_who_may_not_be_added_is_told_apart(wire: Wire) -> None:
    assert refusal(wire.post("/otp", email=somebody(), create_user=False)) == (422, "otp_disabled")


def test_who_is_known_gets_a_link_all_the_same(wire: Wire) -> None:
    email = somebody()
    wire.sign_in(email)
    wire.ask(email, create_user=False)


@pytest.mark.parametrize("email", ["", "ann", "ann@", "ann@example org", "a@" + "b" * 260])
def test_what_is_no_address_is_refused(wire: Wire, email: str) -> None:
    assert refusal(wire.post("/otp", email=email)) == (400, "validation_failed")


def test_mails_to_one_address_have_a_distance(make_wire: MakeWire) -> None:
    wire = make_wire(mail_every_seconds=60)
    wire.ask("ann@example.org")
    answer = wire.post("/otp", email="ann@example.org")
    assert refusal(answer) == (429, "over_email_send_rate_limit")
    assert answer.json()["message"] in [
        f"For security purposes, you can only request this after {seconds} seconds." for seconds in (58, 59)
    ]
    wire.server.let_pass(61)
    wire.ask("ann@example.org")


def test_the_installation_s_mails_are_counted(make_wire: MakeWire) -> None:
    wire = make_wire(mails_per_hour=1)
    wire.ask("ann@example.org")
    answer = wire.post("/otp", email="ben@example.org")
    assert refusal(answer) == (429, "over_email_send_rate_limit")
    assert answer.json()["message"] == "email rate limit exceeded"


def test_a_mail_that_is_not_taken_leaves_nobody_behind(wire: Wire, mailbox: Mailbox) -> None:
    email = somebody()
    mailbox.refusal = "550 no"
    answer = wire.post("/otp", email=email)
    mailbox.refusal = None
    assert refusal(answer) == (500, "unexpected_failure")
    assert answer.json()["message"] == "Error sending confirmation email"
    assert refusal(wire.post("/otp", email=email, create_user=False)) == (422, "otp_disabled")
    wire.ask(email)


# Links that lead to GoTrue itself


def test_a_visit_takes_the_link_and_brings_the_session_in_the_fragment(wire: Wire) -> None:
    link = wire.ask(somebody(), f"/otp?redirect_to={SITE}/chat").link
    answer = requests.get(link, allow_redirects=False, timeout=30)
    target = urlsplit(answer.headers["Location"])
    told = dict(parse_qsl(target.fragment, keep_blank_values=True))
    assert (answer.status_code, target.path, target.query) == (303, "/chat", "")
    assert set(told) == {"access_token", "expires_at", "expires_in", "refresh_token", "sb", "token_type", "type"}
    again = urlsplit(requests.get(link, allow_redirects=False, timeout=30).headers["Location"])
    assert dict(parse_qsl(again.fragment, keep_blank_values=True)) == {
        "error": "access_denied",
        "error_code": "otp_expired",
        "error_description": "Email link is invalid or has expired",
        "sb": "",
    }
    assert again.query == ""


@pytest.mark.parametrize("known", [False, True])
def test_a_visit_with_a_challenge_brings_a_code_for_the_verifier(wire: Wire, known: bool) -> None:
    email = somebody()
    if known:
        wire.sign_in(email)
    mail = wire.ask(email, f"/otp?redirect_to={SITE}/auth/callback?a=1", **PKCE)
    assert mail.query("token").startswith("pkce_")
    target = urlsplit(requests.get(mail.link, allow_redirects=False, timeout=30).headers["Location"])
    told = parse_qs(target.query)
    assert (target.path, target.fragment, told["a"]) == ("/auth/callback", "", ["1"])
    code = told["code"][0]
    wrong = wire.post("/token?grant_type=pkce", auth_code=code, code_verifier="x" * 43)
    assert refusal(wrong) == (400, "bad_code_verifier")
    assert read(wire.post("/token?grant_type=pkce", auth_code=code, code_verifier=VERIFIER))["user"]["email"] == email
    used = wire.post("/token?grant_type=pkce", auth_code=code, code_verifier=VERIFIER)
    assert refusal(used) == (404, "flow_state_not_found")


def test_a_used_link_with_a_challenge_says_so_in_the_query_too(wire: Wire) -> None:
    mail = wire.ask(somebody(), f"/otp?redirect_to={SITE}/auth/callback", **PKCE)
    requests.get(mail.link, allow_redirects=False, timeout=30)
    target = urlsplit(requests.get(mail.link, allow_redirects=False, timeout=30).headers["Location"])
    assert parse_qs(target.query)["error_code"] == ["otp_expired"]
    assert parse_qs(target.fragment)["error_code"] == ["otp_expired"]


def test_a_link_with_a_challenge_can_be_posted_without_the_verifier(wire: Wire) -> None:
    read(wire.post("/verify", type="email", token_hash=wire.ask(somebody(), **PKCE).query("token")))


def test_a_newcomer_s_code_dies_five_minutes_after_asking(wire: Wire) -> None:
    mail = wire.ask(somebody(), **PKCE)
    wire.server.let_pass(301)
    target = urlsplit(requests.get(mail.link, allow_redirects=False, timeout=30).headers["Location"])
    late = wire.post("/token?grant_type=pkce", auth_code=parse_qs(target.query)["code"][0], code_verifier=VERIFIER)
    assert refusal(late) == (422, "flow_state_expired")


def test_a_known_person_s_code_lives_from_the_click(wire: Wire) -> None:
    email = somebody()
    wire.sign_in(email)
    mail = wire.ask(email, **PKCE)
    wire.server.let_pass(301)
    target = urlsplit(requests.get(mail.link, allow_redirects=False, timeout=30).headers["Location"])
    read(wire.post("/token?grant_type=pkce", auth_code=parse_qs(target.query)["code"][0], code_verifier=VERIFIER))


@pytest.mark.parametrize(
    ("wished", "taken"),
    [
        ("http://localhost:3000/chat", True),
        ("http://127.0.0.1:4000/", True),
        ("https://pulse.example.org/auth/callback?x=1", True),
        ("https://pulse.example.org/auth/a/b", False),
        ("https://deep.example.org/a/b.html", True),
        ("https://evil.example/", False),
        ("https://pulse.example.org.evil.example/auth/callback", False),
        ("//evil.example", False),
    ],
)
def test_a_redirect_that_is_not_allowed_gives_way_to_the_site(make_wire: MakeWire, wished: str, taken: bool) -> None:
    allowed = ("https://pulse.example.org/auth/*", "https://deep.example.org/**")
    wire = make_wire(uri_allow_list=allowed)
    mail = wire.ask("ann@example.org", f"/otp?redirect_to={quote(wished, safe='')}")
    assert mail.query("redirect_to") == (wished if taken else SITE)


def test_a_redirect_in_the_body_is_not_read(wire: Wire) -> None:
    assert wire.ask(somebody(), redirect_to=f"{SITE}/chat").query("redirect_to") == SITE
