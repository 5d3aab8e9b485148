"""Somebody changes their name, or leaves, while somebody else is looking; and an admin looks after accounts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, name_of
from tests.browser.profile import Profile
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.stack import Stack, new_email

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]

ADMIN = "ann@example.org"


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


def test_an_admin_invites_renames_raises_and_deletes(open_profile: Open, stack: Stack) -> None:
    ann, email = open_profile(), new_email("eve")
    ann.bring(ADMIN)
    ann.page.get_by_role("link", name="People").click()
    expect(ann.page).to_have_title("People · Pulse")
    accounts = ann.page.get_by_role("list", name="Accounts").get_by_role("listitem")

    ann.page.get_by_role("button", name="Invite").click()
    ann.dialog.get_by_label("Email address").fill(email)
    ann.dialog.get_by_label("Name").fill("Eve")
    ann.dialog.get_by_role("button", name="Invite").click()
    expect(ann.notice).to_have_text(f"{email} is invited by mail.")
    assert stack.find_mail(email)["token_hash"]
    ann.page.get_by_role("searchbox", name="Search people").fill(email)
    expect(accounts).to_have_count(1)

    ann.page.get_by_role("button", name="Actions for Eve").click()
    ann.page.get_by_role("menuitem", name="Rename").click()
    ann.dialog.get_by_label("Name").fill("Eve Lind")
    ann.page.keyboard.press("Enter")
    expect(accounts).to_contain_text("Eve Lind")
    for action, label in (("Make admin", 1), ("Make member", 0)):
        ann.page.get_by_role("button", name="Actions for Eve Lind").click()
        ann.page.get_by_role("menuitem", name=action).click()
        expect(accounts.get_by_text("Admin", exact=True)).to_have_count(label)

    ann.page.get_by_role("button", name="Actions for Eve Lind").click()
    ann.page.get_by_role("menuitem", name="Delete").click()
    expect(ann.dialog.get_by_role("button", name="Delete")).to_be_disabled()
    ann.dialog.get_by_role("textbox").fill("Eve Lind")
    ann.dialog.get_by_role("button", name="Delete").click()
    expect(accounts).to_have_count(0)


def test_who_is_no_admin_finds_no_accounts(open_profile: Open, ben_email: str) -> None:
    ben = open_profile()
    ben.stack.sign_in("ann")
    ben.bring(ben_email)
    expect(ben.page.get_by_role("link", name="People")).to_have_count(0)
    ben.page.goto(f"{ben.stack.public_url}/people")
    expect(ben.page.get_by_role("heading", name="Nothing to read here")).to_be_visible()
    expect(ben.page.get_by_role("list", name="Accounts")).to_have_count(0)
