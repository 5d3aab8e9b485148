"""Signing in leads to our pages only, however cleverly another address is written."""

from __future__ import annotations

import pytest

from services.auth.redirects import Redirects

PAGES = "https://chat.example.org"
DEFAULT = PAGES + "/chat"
redirects = Redirects((PAGES, "http://localhost:3000"), DEFAULT)


@pytest.mark.parametrize(
    "wanted",
    [
        PAGES,
        PAGES + "/",
        PAGES + "/chat/7?with=a%20b&x=//y#there",
        PAGES + "?x=1",
        PAGES + "#x",
        "http://localhost:3000/chat",
        PAGES + "//evil.example",
    ],
)
def test_an_address_on_our_pages_is_kept(wanted: str) -> None:
    assert redirects.choose(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "/",
        "/chat",
        "//evil.example",
        "///evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https://chat.example.org.evil.example",
        "https://chat.example.org@evil.example",
        "https://chat.example.org:443@evil.example/",
        "https://chat.example.org:8443/",
        "https://chat.example.orgx/",
        "http://chat.example.org/",
        "https://ann:pw@chat.example.org/",
        "https:/chat.example.org/",
        "https:chat.example.org",
        "javascript:alert(1)",
        "data:text/html,x",
        "JAVASCRIPT://chat.example.org/%0aalert(1)",
        "https://chat.example.org\\@evil.example/",
        PAGES + "/\\evil.example",
        PAGES + "/a\r\nSet-Cookie: x=y",
        PAGES + "/a b",
        PAGES + "/\x00",
        " " + PAGES + "/chat",
        PAGES + "/chat\n",
        "\t" + PAGES,
        PAGES + "/ünicode",
        PAGES + "/" + "x" * 3000,
        "http://localhost:30001/",
        "http://localhost:3000\t/",
        "https://chat。example.org/",
    ],
)
def test_everything_else_leads_to_the_chat(wanted: str | None) -> None:
    assert redirects.choose(wanted) == DEFAULT
