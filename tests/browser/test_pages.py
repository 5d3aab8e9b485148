"""The pages as a whole: for everybody's eyes and hands, and with nothing in them that should not be."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ops.places import PAGES
from tests.browser.conftest import Open, name_of
from tests.browser.profile import DESKTOP, PHONE
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.stack import Stack

pytestmark = pytest.mark.browser


def find_barriers(page: Page, within: str | None = None) -> list[str]:
    """What axe calls serious or worse; ``within``: a selector."""
    found: list[dict[str, Any]] = Axe().run(page, context=within).response["violations"]
    return [
        f"{barrier['id']}: {barrier['help']} {[node['html'][:120] for node in barrier['nodes'][:3]]}"
        for barrier in found
        if barrier["impact"] in ("serious", "critical")
    ]


SETTLE = """
new Promise(frame => requestAnimationFrame(() => requestAnimationFrame(frame)))
    .then(() => Promise.allSettled(document.getAnimations().map(animation => animation.finished)))
    .then(() => null)
"""
VIEWS = (("light", DESKTOP), ("dark", PHONE))
"""Colours hang on the one, the layout on the other."""


@EMBEDDED_ONLY
def test_nothing_shuts_anybody_out(stack: Stack, open_profile: Open, ann_email: str) -> None:
    ann, ben = open_profile(), stack.sign_in("ben")
    barriers: dict[str, list[str]] = {}

    def look(page: str) -> None:
        for scheme, viewport in VIEWS:
            ann.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
            ann.page.set_viewport_size(viewport)  # type: ignore[arg-type]  # width and height
            ann.page.evaluate(SETTLE)
            barriers[f"{page}, {scheme}"] = find_barriers(ann.page)
        ann.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # width and height

    ann.page.goto(stack.public_url)
    expect(ann.page.get_by_label("Email address")).to_be_visible()
    look("login")
    for way in ("Sign in with a password", "Create an account"):
        ann.page.get_by_role("button", name=way).click()
        look(way)
    ann.ask_for_mail(ann_email)
    look("code")
    ann.page.goto(stack.find_mail(ann_email)["link"])
    look("confirm")
    ann.page.get_by_role("button", name="Sign in as").click()
    ann.wait_for_chat()
    look("empty")
    ann.new_message.click()
    expect(ann.page.get_by_role("option").first).to_be_visible()
    look("search")
    ann.page.get_by_role("button", name="New group").click()
    ann.page.get_by_label("Group name").fill("Room")
    ann.page.get_by_role("combobox", name="Find people").fill(ben.email)
    ann.page.get_by_role("option", name=ben.user["name"]).click()
    look("new group")
    ann.page.get_by_role("button", name="Create group of 2").click()
    ann.say("hello https://example.org 👋")
    expect(ann.messages.last).to_have_attribute("data-state", "sent")
    ann.act_on("hello", "Reply")
    ann.say("hello myself")
    expect(ann.messages.last).to_have_attribute("data-state", "sent")
    look("conversation")
    ann.message("hello myself").get_by_role("button", name="Actions for").click()
    barriers["menu"] = find_barriers(ann.page, "[role=menu]")
    ann.page.keyboard.press("Escape")
    ann.page.get_by_role("button", name="Group details").click()
    expect(ann.page.get_by_role("list", name="Members").get_by_role("listitem")).to_have_count(2)
    look("group")
    ann.page.keyboard.press("Escape")
    ann.page.get_by_role("button", name="Your account").click()
    expect(ann.page.get_by_label("New password", exact=True)).to_be_visible()
    look("account")
    ann.page.get_by_role("button", name="Delete my account").click()
    look("confirmation")

    assert barriers == {page: [] for page in barriers}


@EMBEDDED_ONLY
def test_admins_are_not_shut_out_either(open_profile: Open) -> None:
    ann = open_profile(color_scheme="dark")
    ann.bring("ann@example.org", "/people")
    expect(ann.page.get_by_role("list", name="Accounts").get_by_role("listitem").first).to_be_visible()
    assert find_barriers(ann.page) == []


@EMBEDDED_ONLY
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


@EMBEDDED_ONLY
def test_the_pages_come_with_a_strict_policy(stack: Stack) -> None:
    for path in ("/login", "/chat"):
        headers = requests.get(stack.public_url + path, timeout=30).headers
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
