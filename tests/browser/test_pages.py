"""The pages as a whole: for everybody's eyes and hands, and with nothing in them that should not be."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ops.places import PAGES
from tests.browser.conftest import Open, name_of
from tests.browser.profile import PHONE
from tests.system.stack import Stack

pytestmark = pytest.mark.browser


def find_barriers(page: Page) -> list[str]:
    """What axe calls serious or worse."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{barrier['id']}: {barrier['help']} {[node['html'][:120] for node in barrier['nodes'][:3]]}"
        for barrier in found
        if barrier["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_shuts_anybody_out(
    stack: Stack, open_profile: Open, ann_email: str, ben_email: str, scheme: str, viewport: dict[str, int] | None
) -> None:
    options: dict[str, Any] = {"color_scheme": scheme, **({"viewport": viewport} if viewport else {})}
    ann, ben = open_profile(**options), stack.sign_in("ben")
    barriers: dict[str, list[str]] = {}
    ann.page.goto(stack.public_url)
    expect(ann.page.get_by_label("Email address")).to_be_visible()
    barriers["login"] = find_barriers(ann.page)
    ann.ask_for_mail(ann_email)
    barriers["code"] = find_barriers(ann.page)
    ann.page.goto(stack.find_mail(ann_email)["link"])
    barriers["confirm"] = find_barriers(ann.page)
    ann.page.get_by_role("button", name="Sign in as").click()
    ann.wait_for_chat()
    barriers["empty"] = find_barriers(ann.page)
    ann.new_message.click()
    expect(ann.page.get_by_role("option").first).to_be_visible()
    barriers["search"] = find_barriers(ann.page)
    ann.page.keyboard.press("Escape")
    ann.find(ben.user["name"])
    ann.say("hello https://example.org 👋")
    expect(ann.messages.last).to_have_attribute("data-state", "sent")
    barriers["conversation"] = find_barriers(ann.page)

    assert barriers == {page: [] for page in barriers}


def test_everything_can_be_done_from_the_keyboard(open_profile: Open, stack: Stack, ann_email: str) -> None:
    ann, ben = open_profile(), stack.sign_in("ben")
    ann.page.goto(stack.public_url)
    press = ann.page.keyboard.press
    expect(ann.page.get_by_label("Email address")).to_be_focused()
    ann.page.keyboard.type(ann_email)
    press("Enter")
    expect(ann.page.get_by_label("6-digit code")).to_be_focused()
    ann.page.keyboard.type(stack.find_mail(ann_email)["code"])
    ann.wait_for_chat()

    press("Control+k")
    expect(ann.page.get_by_role("combobox", name="Find people")).to_be_focused()
    ann.page.keyboard.type(ben.user["name"])
    expect(ann.page.get_by_role("option")).to_have_count(1)
    press("Enter")
    expect(ann.composer).to_be_focused()
    ann.page.keyboard.type("first line")
    press("Shift+Enter")
    ann.page.keyboard.type("second line")
    press("Enter")

    ann.expect_texts(["first line\nsecond line"], use_inner_text=True)
    expect(ann.composer).to_have_value("")
    expect(ann.composer).to_be_focused()


def test_the_pages_come_with_a_strict_policy(stack: Stack) -> None:
    for path in ("/login", "/chat"):
        headers = requests.get(stack.public_url + path, timeout=10).headers
        policy = {
            words[0]: words[1:] for part in headers["Content-Security-Policy"].split(";") if (words := part.split())
        }
        scripts = policy.get("script-src", policy["default-src"])
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:"} & set(scripts)
        assert "'none'" in policy["frame-ancestors"] or "'self'" in policy["frame-ancestors"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_secret_is_where_a_script_or_a_reader_of_logs_could_find_it(
    open_profile: Open, stack: Stack, ann_email: str, ben_email: str
) -> None:
    ann, ben = open_profile(), open_profile()
    ann.sign_in_by_link(ann_email)
    link = stack.find_mail(ann_email)
    ben.bring(ben_email)
    ann.find(name_of(ben_email))
    ann.say("a private word")
    expect(ben.conversations).to_contain_text("a private word")
    cookies = {
        cookie["name"]: cookie
        for profile in (ann, ben)
        for cookie in profile.context.cookies([stack.public_urls["auth"] + "/auth"])
    }
    assert {"pulse_access", "pulse_refresh"} <= cookies.keys()
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies.values())
    tokens = [cookie["value"] for cookie in cookies.values()]

    seen = ann.page.evaluate(
        "document.cookie + JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})"
    )
    assert [token for token in tokens if token in seen] == []
    private = [*stack.secrets, *tokens, link["token_hash"], link["code"], ann_email, "a private word"]
    for process in stack.processes:
        log = process.log()
        assert [secret for secret in private if secret in log] == [], process.name
    for path in PAGES.parent.rglob("*"):
        text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
        assert [secret for secret in (*stack.secrets, *tokens) if secret in text] == [], path
        assert "SERVICE_TOKEN" not in text
