"""Somebody changes their name, or leaves, while somebody else is looking."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, name_of
from tests.browser.profile import Profile

pytestmark = pytest.mark.browser


def change_oneself(who: Profile, method: str, **changes: Any) -> None:
    """With the browser's own cookies, as a page does."""
    auth, origin = who.stack.public_urls["auth"], {"Origin": who.stack.public_url}
    user_id = who.context.request.get(f"{auth}/auth/session").json()["user"]["id"]
    answer = who.context.request.fetch(f"{auth}/users/{user_id}", method=method, headers=origin, data=changes or None)
    assert answer.ok, answer.text()


def test_a_new_name_and_a_deletion_show_without_a_reload(open_profile: Open, ann_email: str, ben_email: str) -> None:
    ann, ben = open_profile(), open_profile()
    ann.bring(ann_email)
    ben.bring(ben_email)
    ann.find(name_of(ben_email))
    ann.say("Hello Ben")
    heading = ann.page.get_by_role("heading", level=1)

    change_oneself(ben, "PUT", name="Benjamin")
    expect(ann.conversations.get_by_role("link", name="Benjamin")).to_be_visible()
    expect(heading.get_by_text("Benjamin")).to_be_visible()
    expect(ann.page).to_have_title("Benjamin · Pulse")
    expect(ben.conversations.get_by_text("Benjamin")).to_be_visible()

    change_oneself(ben, "DELETE")
    expect(ben.page.get_by_label("Email address")).to_be_visible()
    expect(ann.conversations.get_by_role("link", name="Deleted user")).to_be_visible()
    expect(ann.page.get_by_text("This account was deleted.")).to_be_visible()
    expect(ann.composer).to_have_count(0)
    ann.expect_texts(["Hello Ben"])
    ann.new_message.click()
    ann.page.get_by_role("combobox", name="Find people").fill("Benjamin")
    expect(ann.page.get_by_text("Nobody called “Benjamin”.")).to_be_visible()
    ann.page.keyboard.press("Escape")
    ann.page.reload()
    expect(ann.page.get_by_text("This account was deleted.")).to_be_visible()
    ann.expect_texts(["Hello Ben"])
