"""Signing in at a Supabase project by link and by code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from services.auth.supabase.mail_templates import NAMES
from tests.auth.conftest import AUTH_SECRET
from tests.auth.supabase_world import Person, World, link_of, open_world
from tests.conftest import Database


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with open_world(database) as world:
        yield world


def test_a_link_signs_in_once_the_first_time_and_later(world: World) -> None:
    ann = world.person("ann")
    first = ann.ask_for_link()
    ann.keep(ann.use(first))
    assert (ann.user["name"], ann.user["role"], ann.user["email"]) == ("Ann", "admin", "ann@example.org")
    assert ann.use(first).get_json()["code"] == "link_expired"
    again = world.person("ann").enter()
    assert again.user["id"] == ann.user["id"]
    assert world.person("ben").enter().user["role"] == "member"
    assert ann.call("GET", "/auth/session").status_code == 200


def test_a_code_signs_in(world: World) -> None:
    ann = world.person("ann")
    code = ann.ask_for_link().code
    assert len(code) == 6
    ann.keep(ann.confirm(email=ann.email, code=f"{code[:3]} {code[3:]}"))
    assert ann.confirm(email=ann.email, code=code).status_code == 403


def test_the_page_tells_whose_link_it_is_and_consumes_nothing(world: World) -> None:
    ann = world.person("ann")
    query = link_of(ann.ask_for_link(redirect_to="http://localhost:3000/chat/7"))
    for _ in range(2):
        page = ann.call("GET", "/auth/confirm", query_string=query)
        assert page.status_code == 200
        text = page.get_data(as_text=True)
        assert "Sign in as a***@example.org" in text
        assert ann.email not in text
    answer = ann.call("POST", "/auth/confirm", data=query, headers={"Origin": world.auth_url})
    assert (answer.status_code, answer.headers["Location"]) == (303, "http://localhost:3000/chat/7")
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(cookie.startswith("pulse_access=") and "Max-Age=3" in cookie for cookie in cookies)


def test_a_link_counts_only_for_the_person_whose_seal_is_beside_it(world: World) -> None:
    ann, ben = world.person("ann"), world.person("ben")
    anns, bens = link_of(ann.ask_for_link()), link_of(ben.ask_for_link())
    crossed = {"token_hash": bens["token_hash"], "redirect_to": anns["redirect_to"]}
    answer = ann.confirm(**crossed)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "link_expired")
    world.provider.close(5.0)
    ended = [one for one in world.project.gateway.requests if one.path == "/auth/v1/logout"]
    assert len(ended) == 1
    assert ann.confirm(**anns).status_code == 200


@pytest.mark.parametrize("redirect_to", ["", "http://localhost:3000/chat", "{callback}?request=forged", "{callback}"])
def test_without_a_seal_of_ours_the_page_names_nobody_and_still_has_its_button(world: World, redirect_to: str) -> None:
    ann = world.person("ann")
    query = {
        "token_hash": link_of(ann.ask_for_link())["token_hash"],
        "redirect_to": redirect_to.replace("{callback}", f"{world.auth_url}/auth/callback"),
    }
    text = ann.call("GET", "/auth/confirm", query_string=query).get_data(as_text=True)
    assert ">Sign in</button>" in text
    assert "a***" not in text
    assert "Asked for" not in text
    answer = ann.call("POST", "/auth/confirm", data=query, headers={"Origin": world.auth_url})
    assert (answer.status_code, answer.headers["Location"]) == (303, "http://localhost:3000/chat")


def test_the_page_of_no_link_at_all_says_so(world: World) -> None:
    assert world.person("ann").call("GET", "/auth/confirm").status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_another_site_cannot_press_the_button(world: World, origin: str) -> None:
    ann = world.person("ann")
    query = link_of(ann.ask_for_link())
    headers = {"Origin": origin} if origin else {}
    assert ann.call("POST", "/auth/confirm", data=query, headers=headers).status_code == 403
    assert ann.confirm(**query).status_code == 200


def test_known_unknown_uninvited_throttled_and_slowly_mailed_addresses_get_the_same_answer(database: Database) -> None:
    with open_world(database, SIGNUP="domains:example.org", auth={"mail_every_seconds": 60}) as world:
        world.person("ann").enter()
        world.project.mailbox.delay_seconds = 9.0
        emails = ["ann@example.org", "ben@example.org", "cho@elsewhere.org", "ann@example.org", *["d@example.org"] * 6]
        answers, times = [], []
        for email in emails:
            began = time.monotonic()
            answers.append(Person(world, "").call("POST", "/auth/login", json={"email": email}))
            times.append(time.monotonic() - began)
        assert {(one.status_code, one.get_data()) for one in answers} == {
            (202, b'{"status":"link_sent","code_digits":6,"dev_inbox":false}')
        }
        assert max(times) < 9.0
        world.project.mailbox.delay_seconds = 0.0
        assert len({tuple(sorted(name for name, _ in one.headers)) for one in answers}) == 1
        world.provider.close(30.0)
        assert world.project.mailbox.mails_to("cho@elsewhere.org") == []
        assert world.project.mailbox.mails_to("d@example.org")
        asked = [one.body for one in world.project.gateway.requests if one.path == "/auth/v1/otp"]
        assert len([body for body in asked if b"d@example.org" in body]) == 5


def test_an_admins_address_may_join_an_invited_only_installation(database: Database) -> None:
    with open_world(database, SIGNUP="invited", ADMIN_EMAILS="ann@example.org") as world:
        assert world.person("ann").enter().user["role"] == "admin"


def test_a_gateway_that_fails_for_a_moment_delays_the_mail_and_nothing_else(world: World) -> None:
    ann = world.person("ann")
    with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/otp"):
        mail = ann.ask_for_link()
    assert ann.use(mail).status_code == 200


def test_a_link_asked_for_from_a_browser_says_which(world: World) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    ann = world.person("ann")
    ann.call("POST", "/auth/login", json={"email": ann.email}, headers={"User-Agent": firefox})
    page = ann.call("GET", "/auth/confirm", query_string=link_of(world.mail(ann.email)))
    assert "Asked for just now from Firefox on Linux" in page.get_data(as_text=True)


def test_longer_codes_are_told_to_the_page(database: Database) -> None:
    with open_world(database, CODE_DIGITS="8", auth={"otp_length": 8}) as world:
        ann = world.person("ann")
        assert ann.call("POST", "/auth/login", json={"email": ann.email}).get_json()["code_digits"] == 8
        code = world.mail(ann.email).code
        assert len(code) == 8
        assert ann.confirm(email=ann.email, code=code).status_code == 200


def test_the_mails_are_ours_for_every_template_and_hold_link_and_code(world: World) -> None:
    for name in NAMES:
        answer = world.app.test_client().get(f"/auth/mail-templates/{name}.html")
        text = answer.get_data(as_text=True)
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        for variable in ("SiteURL", "TokenHash", "RedirectTo"):
            assert f"{{{{ .{variable} }}}}" in text
        # A new password has a link only: its code would sign in without one.
        assert ("{{ .Token }}" in text, "type=recovery" in text) == (name != "recovery", name == "recovery")
        assert "<script" not in text
    assert world.app.test_client().get("/auth/mail-templates/../settings.html").status_code == 404
    assert world.app.test_client().get("/auth/mail-templates/other.html").status_code == 404
    first = world.person("ann").ask_for_link()
    assert first.link.startswith(f"{world.auth_url}/auth/confirm?token_hash=")
    assert first.code in first.html


def test_no_development_inbox_is_there(world: World) -> None:
    assert world.person("ann").call("GET", "/dev/inbox").status_code == 404


def test_no_secret_reaches_a_log(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    ann, password = world.person("ann"), "correct horse battery"
    mails = [ann.ask_for_link()]
    ann.keep(ann.use(mails[0]))
    tokens = [ann.access_token, ann.refresh_token]
    ann.keep(ann.refresh())
    ben = world.person("ben")
    ben.call("POST", "/auth/signup", json={"email": ben.email, "password": password})
    mails.append(world.mail(ben.email))
    ben.use(mails[1])
    ben.keep(ben.call("POST", "/auth/login", json={"email": ben.email, "password": password}))
    ben.call("POST", "/auth/login", json={"email": ben.email, "password": password + "x"})
    with world.project.gateway.faults.inject("bad gateway before", "/auth/v1/verify"):
        ann.use(mails[0])
    ann.call("POST", "/auth/logout", json={"scope": "global"})
    world.provider.close(5.0)
    written = "".join(capfd.readouterr())
    assert "signed_in" in written
    secrets = [world.project.secret_key, world.project.publishable_key, password, ann.email, ben.email, AUTH_SECRET]
    secrets += [*tokens, ann.access_token, ann.refresh_token, ben.refresh_token]
    for mail in mails:
        link = link_of(mail)
        secrets += [mail.code, link["token_hash"], link["redirect_to"].rpartition("=")[2]]
    assert [secret for secret in secrets if secret in written] == []


def test_a_domain_of_other_letters_travels_in_ascii_and_is_shown_as_it_is_written(world: World) -> None:
    ann = Person(world, "ann@bücher.example")
    assert ann.call("POST", "/auth/login", json={"email": ann.email}).status_code == 202
    mail = world.mail("ann@xn--bcher-kva.example")
    assert ann.keep(ann.use(mail)).user["email"] == ann.email
    ann.call("POST", "/auth/login", json={"email": ann.email})
    code = world.mail("ann@xn--bcher-kva.example").code
    assert ann.confirm(email=ann.email, code=code).status_code == 200


def test_a_seal_of_google_does_not_stand_in_for_a_links(world: World) -> None:
    ann = world.person("ann")
    link = link_of(ann.ask_for_link())
    address = ann.call("GET", "/auth/google").headers["Location"]
    link["redirect_to"] = parse_qs(urlsplit(address).query)["redirect_to"][0]
    assert ann.confirm(**link).status_code == 200


def test_a_forged_seal_leads_to_the_pages_and_not_to_the_callback(database: Database) -> None:
    with open_world(database) as world:
        one_origin = world.auth_url
        with open_world(database, PUBLIC_URL=one_origin, AUTH_PUBLIC_URL=one_origin) as behind_one:
            ann = behind_one.person("ann")
            link = link_of(ann.ask_for_link())
            link["redirect_to"] = f"{one_origin}/auth/callback?request=forged"
            answer = ann.call("POST", "/auth/confirm", data=link, headers={"Origin": one_origin})
            assert (answer.status_code, answer.headers["Location"]) == (303, f"{one_origin}/chat")
