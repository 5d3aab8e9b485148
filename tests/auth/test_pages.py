"""The confirm page: no script, nothing kept, and it says whom it signs in without saying it all."""

from __future__ import annotations

import re

from tests.auth.conftest import OWN_ORIGIN, PAGES, MakeApp
from tests.auth.providers import TOLD_BY_SUPABASE, builtin_only
from tests.auth.visitor import Visitor

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def test_the_page_shows_one_button_and_whom_it_is_for(newcomer: Visitor) -> None:
    newcomer.call("POST", "/auth/login", json={"email": newcomer.email}, headers={"User-Agent": FIREFOX})
    mail = newcomer.mails()[0]
    page = newcomer.call("GET", "/auth/confirm", query_string=mail.query)
    text = page.get_data(as_text=True)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert text.count("<button") == 1
    assert "Sign in as p***@example.org" in text
    assert "Asked for just now from Firefox on Linux" in text
    assert newcomer.email not in text
    assert mail.code not in text
    assert "<script" not in text
    assert not re.search(r"\sstyle=|\son\w+=", text)


def test_the_pages_headers_let_nothing_in_and_nothing_out(make_app: MakeApp) -> None:
    ann = Visitor(make_app(ALLOWED_ORIGINS="https://beta.example.org"), "ann@example.org")
    for token in (ann.ask().token, "wrong"):
        headers = ann.call("GET", "/auth/confirm", query_string={"token_hash": token}).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self' http://localhost:3000 https://beta.example.org; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


@builtin_only(TOLD_BY_SUPABASE)
def test_a_link_that_no_longer_works_leads_back_to_sign_in(newcomer: Visitor) -> None:
    mail = newcomer.ask()
    newcomer.confirm(token_hash=mail.token)
    query = {"token_hash": mail.token}
    for page in (
        newcomer.call("GET", "/auth/confirm", query_string=query),
        newcomer.call("POST", "/auth/confirm", data=query, headers={"Origin": OWN_ORIGIN}),
        newcomer.call("GET", "/auth/confirm"),
    ):
        assert (page.status_code, page.mimetype) == (403, "text/html")
        assert f'href="{PAGES}/login"' in page.get_data(as_text=True)


def test_nothing_from_the_address_line_becomes_markup(newcomer: Visitor) -> None:
    token, evil = newcomer.ask().token, '"><script>alert(1)</script>'
    for query in ({"token_hash": token, "redirect_to": PAGES + "/" + evil, "type": evil}, {"token_hash": evil}):
        assert "<script" not in newcomer.call("GET", "/auth/confirm", query_string=query).get_data(as_text=True)


def test_the_style_sheet_is_served(newcomer: Visitor) -> None:
    style = newcomer.call("GET", "/auth/style.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
