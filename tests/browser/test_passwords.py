"""An account with a password: made, confirmed, used, forgotten and ended in the pages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.profile import Profile
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.waiting import eventually

pytestmark = pytest.mark.browser

FIRST = "harbour lantern ferry oats"
SECOND = "quiet violet mitten stove"


def come_in(who: Profile, email: str, password: str) -> None:
    who.page.get_by_role("button", name="Sign in with a password").click()
    who.page.get_by_label("Email address").fill(email)
    who.page.get_by_label("Password", exact=True).fill(password)
    who.page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(who: Profile) -> None:
    who.page.get_by_role("button", name="Sign out").click()
    expect(who.page.get_by_label("Email address")).to_be_visible()


def test_an_account_with_a_password_is_made_used_changed_and_found_again(open_profile: Open, ann_email: str) -> None:
    ann = open_profile()
    ann.expected += [r"status of 422 .*/auth/signup", r"status of 401 .*/auth/login", r"status of 403 .*/auth/password"]
    ann.page.goto(ann.stack.public_url)
    ann.page.get_by_role("button", name="Create an account").click()
    ann.page.get_by_label("Name").fill("Ann Lee")
    ann.page.get_by_label("Email address").fill(ann_email)
    field = ann.page.get_by_label("Password", exact=True)
    field.fill("password1")
    ann.page.get_by_role("button", name="Create account").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_attribute("type", "password")
    ann.page.get_by_role("button", name="Show password").click()
    expect(field).to_have_attribute("type", "text")
    field.fill(FIRST)
    ann.page.get_by_role("button", name="Create account").click()
    ann.page.get_by_label("6-digit code").fill(ann.stack.find_mail(ann_email)["code"])
    ann.wait_for_chat()
    expect(ann.page.get_by_role("button", name="Your account, Ann Lee")).to_be_visible()
    sign_out(ann)

    come_in(ann, ann_email, "not it, but long enough")
    expect(ann.page.get_by_role("alert")).to_contain_text(["", "don’t belong together"])
    ann.page.get_by_label("Password", exact=True).fill(FIRST)
    ann.page.keyboard.press("Enter")
    ann.wait_for_chat()

    ann.page.get_by_role("button", name="Your account").click()
    ann.page.get_by_label("New password", exact=True).fill(SECOND)
    ann.page.get_by_role("button", name="Set password").click()
    expect(ann.page.get_by_text("Your account has a password")).to_be_visible()
    ann.page.get_by_label("Current password", exact=True).fill(FIRST)
    ann.page.get_by_role("button", name="Set password").click()
    expect(ann.notice).to_contain_text("Your password is set.")
    ann.page.get_by_role("button", name="Close").click()
    sign_out(ann)

    ann.page.get_by_role("button", name="Sign in with a password").click()
    ann.page.get_by_role("button", name="Forgot password?").click()
    ann.page.get_by_label("Email address").fill(ann_email)
    ann.page.get_by_role("button", name="Mail me a link").click()
    expect(ann.page.get_by_text("Look in your inbox")).to_be_visible()
    link = eventually(
        lambda: [mail["link"] for mail in ann.stack.backing.mails_to(ann_email) if "recovery" in mail["link"]],
        "the mail",
    )[0]
    ann.page.goto(link)
    ann.page.get_by_label("New password").fill(FIRST[::-1])
    ann.page.get_by_role("button", name="Set password").click()
    ann.page.wait_for_url("**/chat")
    ann.wait_for_chat()


@EMBEDDED_ONLY
def test_too_many_tries_count_down(open_profile: Open, ann_email: str) -> None:
    ann = open_profile()
    ann.expected.append(r"status of (401|429) .*/auth/login")
    ann.page.goto(ann.stack.public_url)
    come_in(ann, ann_email, "guess")
    button = ann.page.get_by_role("button", name="Sign in", exact=True)
    for _ in range(30):
        said = ann.page.get_by_text(re.compile("don’t belong together|Too many attempts"))
        expect(said).to_be_visible()
        if said.inner_text() == "Too many attempts.":
            break
        button.click()
    expect(ann.page.get_by_role("button", name="Try again in")).to_be_disabled()


@EMBEDDED_ONLY
def test_an_account_is_deleted_only_by_typing_its_address(open_profile: Open, ann_email: str, ben_email: str) -> None:
    ben = open_profile()
    ben.stack.sign_in("ann")
    ben.bring(ben_email)
    ben.page.get_by_role("button", name="Your account").click()
    ben.page.get_by_label("Your name").fill("Benjamin")
    ben.page.get_by_role("button", name="Save name").click()
    expect(ben.page.get_by_role("button", name="Your account, Benjamin")).to_be_attached()
    ben.page.get_by_role("button", name="Delete my account").click()
    confirm = ben.dialog.get_by_role("button", name="Delete for ever")
    ben.dialog.get_by_role("textbox").fill(ann_email)
    expect(confirm).to_be_disabled()
    ben.dialog.get_by_role("textbox").fill(ben_email)
    confirm.click()
    expect(ben.page.get_by_label("Email address")).to_be_visible()


@EMBEDDED_ONLY
def test_signing_out_everywhere_ends_the_other_device(open_profile: Open, ann_email: str) -> None:
    desk, other = open_profile(), open_profile()
    desk.bring(ann_email)
    other.bring(ann_email)
    desk.page.get_by_role("button", name="Your account").click()
    desk.page.get_by_role("button", name="Everywhere").click()
    desk.dialog.get_by_role("button", name="Sign out").click()
    for device in (desk, other):
        expect(device.page.get_by_label("Email address")).to_be_visible()
