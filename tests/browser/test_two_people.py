"""Two people, each at a browser of their own, from the mail to the reload."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, name_of
from tests.browser.profile import DESKTOP, PHONE
from tests.system.conftest import EMBEDDED_ONLY

pytestmark = pytest.mark.browser


def test_two_people_sign_in_and_chat(open_profile: Open, ann_email: str, ben_email: str) -> None:
    ann, ben = open_profile(), open_profile()
    ann.sign_in_by_link(ann_email)
    ben.sign_in_by_code(ben_email)

    ann.find(name_of(ben_email))
    ann.say("Hello Ben 👋")
    row = ben.conversations.get_by_role("link", name=name_of(ann_email))
    expect(row).to_contain_text("Hello Ben 👋")
    expect(row.get_by_test_id("unread")).to_have_text("1")
    row.click()
    ben.expect_texts(["Hello Ben 👋"])
    expect(row.get_by_test_id("unread")).to_have_count(0)

    ben.say("Hello Ann\nשלום")
    both = ["Hello Ben 👋", "Hello Ann\nשלום"]
    ann.expect_texts(both, use_inner_text=True)
    expect(ann.messages.last).to_have_attribute("data-state", "sent")

    for somebody in (ann, ben):
        somebody.page.reload()
        somebody.expect_texts(both, use_inner_text=True)


@EMBEDDED_ONLY
def test_an_open_page_shows_what_comes_without_a_reload(open_profile: Open, ann_email: str, ben_email: str) -> None:
    ann, ben = open_profile(), open_profile()
    ann.bring(ann_email)
    ben.bring(ben_email)
    ann.find(name_of(ben_email))
    ann.say("0")
    ben.open(name_of(ann_email))
    ben.page.evaluate("window.sameDocument = true")

    for number in range(1, 10):
        (ann, ben)[number % 2].say(str(number))
        expect((ben, ann)[number % 2].messages.last).to_contain_text(str(number))

    for somebody in (ann, ben):
        somebody.expect_texts([str(number) for number in range(10)])
    assert ben.page.evaluate("window.sameDocument")


@EMBEDDED_ONLY
def test_unread_messages_are_counted_until_they_are_looked_at(
    open_profile: Open, ann_email: str, ben_email: str
) -> None:
    ann, ben = open_profile(), open_profile()
    ann.bring(ann_email)
    ben.bring(ben_email)
    ann.find(name_of(ben_email))

    for number in range(3):
        ann.say(f"message {number}")
    badge = ben.conversations.get_by_test_id("unread")
    expect(badge).to_have_text("3")
    ben.page.reload()
    expect(badge).to_have_text("3")
    ben.open(name_of(ann_email))
    expect(badge).to_have_count(0)
    ben.page.reload()
    expect(ben.messages).to_have_count(3)
    expect(badge).to_have_count(0)


def test_a_link_signs_in_on_another_device_and_not_where_it_was_asked_for(open_profile: Open, ann_email: str) -> None:
    desk, phone = open_profile(), open_profile(viewport=PHONE)
    desk.ask_for_mail(ann_email)
    link = desk.stack.find_mail(ann_email)["link"]

    phone.page.goto(link)
    expect(phone.page.get_by_role("button", name="Sign in as")).to_be_visible()
    phone.page.reload()
    phone.page.get_by_role("button", name="Sign in as").click()
    phone.page.wait_for_url("**/chat")
    phone.wait_for_chat()

    expect(desk.page.get_by_label("6-digit code")).to_be_visible()
    desk.expected.append(r"status of 403 .*/auth/confirm")
    desk.page.goto(link)
    if desk.stack.backing.mode == "supabase":  # whether a link was used is known there only to who tries it
        desk.page.get_by_role("button", name="Sign in as").click()
    expect(desk.page.get_by_role("button", name="Sign in as")).to_have_count(0)
    expect(desk.page.get_by_role("link", name="Back to sign in")).to_be_visible()


def test_a_wrong_code_says_so_and_the_right_one_still_works(open_profile: Open, ann_email: str) -> None:
    ann = open_profile()
    ann.expected.append(r"status of 403 .*/auth/confirm")
    ann.ask_for_mail(ann_email)
    code = ann.stack.find_mail(ann_email)["code"]

    ann.page.get_by_label("6-digit code").fill("000000" if code != "000000" else "000001")
    expect(ann.page.get_by_role("alert")).to_contain_text("wrong or no longer valid")
    ann.page.get_by_label("6-digit code").fill(code)

    ann.page.wait_for_url("**/chat")
    ann.wait_for_chat()


def test_signing_out_ends_the_other_tab_too(open_profile: Open, ann_email: str, ben_email: str) -> None:
    ann, ben = open_profile(), open_profile()
    ben.bring(ben_email)
    ann.bring(ann_email)
    other = ann.context.new_page()
    other.goto(ann.stack.public_url + "/chat")
    expect(other.get_by_role("button", name="New message")).to_be_visible()

    ann.page.get_by_role("button", name="Sign out").click()

    for tab in (ann.page, other):
        tab.wait_for_url("**/login*")
        expect(tab.get_by_label("Email address")).to_be_visible()
    other.goto(ann.stack.public_url + "/chat")
    other.wait_for_url("**/login*")
    assert [cookie["name"] for cookie in ann.context.cookies() if cookie["name"].startswith("pulse_")] == []
    expect(ben.new_message).to_be_visible()


@EMBEDDED_ONLY
def test_on_a_phone_list_and_conversation_are_two_screens(open_profile: Open, ann_email: str, ben_email: str) -> None:
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    ann, ben = open_profile(**touch), open_profile(viewport=DESKTOP)
    ann.sign_in_by_link(ann_email)
    ben.bring(ben_email)
    expect(ann.conversations).to_be_visible()

    ann.find(name_of(ben_email))
    expect(ann.conversations).to_be_hidden()
    ann.composer.fill("from the phone")
    ann.page.get_by_role("button", name="Send").tap()
    ben.open(name_of(ann_email))
    ben.say("to the phone")
    ann.expect_texts(["from the phone", "to the phone"])

    ann.page.get_by_role("link", name="Back to conversations").tap()
    expect(ann.conversations).to_be_visible()
    expect(ann.composer).to_be_hidden()
    ann.conversations.get_by_role("link", name=name_of(ben_email)).tap()
    ann.expect_texts(["from the phone", "to the phone"])
    width = ann.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
