"""What was said is found again, and leads to where it was said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Open
from tests.browser.profile import PHONE, UNREACHABLE, Profile
from tests.browser.test_timeline import JUMP_PIXELS, LOOK, SCROLL_UP
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]

SCROLL_DOWN = SCROLL_UP.replace("-600", "600")
FAR_BACK = 110  # beyond the newest page and the page after the message itself


def write_much(person: Person, conversation_id: str, count: int) -> None:
    for number in range(count):
        person.try_to_send(f"small talk {number}", conversation_id=conversation_id, check=False)


def search_field(profile: Profile) -> Locator:
    return profile.page.get_by_role("combobox", name="Search messages")


def open_search(profile: Profile) -> None:
    profile.page.get_by_role("button", name="Search messages").click()


def results(profile: Profile) -> Locator:
    return profile.page.get_by_role("option")


def expect_found(profile: Profile, *texts: str) -> None:
    expect(results(profile).locator("p[dir=auto]")).to_have_text(list(texts))


def expect_shown(message: Locator) -> None:
    """In sight, marked, and what a screen reader reads next."""
    expect(message).to_be_in_viewport()
    expect(message).to_be_focused()
    expect(message).to_have_attribute("data-shown", "")


def scroll_down_to(profile: Profile, text: str) -> None:
    """As somebody reads on; what is being read holds still while the next page comes in below it."""
    view = profile.page.get_by_role("region", name="Conversation history")
    for _ in range(100):
        before: dict[str, Any] = view.evaluate(SCROLL_DOWN)
        profile.page.wait_for_timeout(30)
        after: dict[str, Any] = view.evaluate(LOOK, before["text"])
        assert abs(after["top"] - before["top"]) <= JUMP_PIXELS, f"jumped at {before} → {after}"
        if profile.message(text).count():
            break
    view.press("End")
    expect(profile.message(text)).to_be_in_viewport()


def test_a_match_far_back_is_opened_where_it_was_said_and_what_is_new_is_a_click_away(
    stack: Stack, open_profile: Open
) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    first = ann.send("🚢 the Ferry leaves at noon", to=ben.id)
    conversation_id = first["conversation_id"]
    write_much(ben, conversation_id, FAR_BACK)
    profile = open_profile()
    profile.bring(ben.email)

    open_search(profile)
    search_field(profile).fill("ferry noo")
    expect_found(profile, "🚢 the Ferry leaves at noon")
    expect(results(profile).locator("mark")).to_have_text(["Ferry", re.compile("^noo")])
    expect(results(profile)).to_contain_text(ann.user["name"])
    results(profile).click()

    expect_shown(profile.message("the Ferry leaves"))
    expect(profile.page).to_have_url(f"{stack.public_url}/chat/{conversation_id}")
    expect(profile.message(f"small talk {FAR_BACK - 1}")).to_have_count(0)
    ben.chat.post(f"/conversations/{conversation_id}/read", {"seq": 1_000})
    expect(profile.conversations.get_by_test_id("unread")).to_have_count(0)
    ann.send("anything new?", conversation_id=conversation_id)
    expect(profile.conversations.get_by_test_id("unread")).to_have_text("1")
    profile.page.get_by_role("button", name="New messages").click()
    expect(profile.message("anything new?")).to_be_in_viewport()
    expect(profile.conversations.get_by_test_id("unread")).to_have_count(0)


def test_whoever_writes_while_reading_far_back_sees_what_they_wrote(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    first = ann.send("the ferry leaves at noon", to=ben.id)
    conversation_id = first["conversation_id"]
    write_much(ben, conversation_id, FAR_BACK)
    profile = open_profile()

    profile.bring(ben.email, f"/chat/{conversation_id}?message={first['id']}")
    expect_shown(profile.message("the ferry leaves"))
    profile.page.get_by_role("button", name="Jump to the newest").click()
    expect(profile.message(f"small talk {FAR_BACK - 1}")).to_be_in_viewport()
    profile.page.goto(f"{stack.public_url}/chat/{conversation_id}?message={first['id']}")
    expect_shown(profile.message("the ferry leaves"))
    profile.say("I was late, then")

    expect(profile.messages.last).to_contain_text("I was late, then")
    expect(profile.messages.last).to_be_in_viewport()
    expect(profile.messages.last).to_have_attribute("data-state", "sent")


def test_what_others_said_elsewhere_is_not_found(stack: Stack, open_profile: Open) -> None:
    ann, ben, cho = (stack.sign_in(name) for name in ("ann", "ben", "cho"))
    ann.send("the ferry of ann and ben", to=ben.id)
    ann.send("the ferry of ann and cho", to=cho.id)
    profile = open_profile()
    profile.bring(cho.email)

    open_search(profile)
    search_field(profile).fill("ferry")

    expect_found(profile, "the ferry of ann and cho")
    search_field(profile).fill("ferry ben")
    expect(profile.dialog.get_by_role("status")).to_contain_text("No message says “ferry ben”")
    expect(results(profile)).to_have_count(0)


def test_words_match_anywhere_and_a_phrase_only_in_a_row(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("see you there", to=ben.id)["conversation_id"]
    ben.send("there you see the ferry", conversation_id=conversation_id)
    profile = open_profile()
    profile.bring(ben.email, f"/chat/{conversation_id}")

    profile.page.get_by_role("button", name="Search in this conversation").click()
    expect(profile.page.get_by_role("radio", name="Only in")).to_be_checked()
    search_field(profile).fill("see you there")
    expect_found(profile, "there you see the ferry", "see you there")
    search_field(profile).fill('"see you there"')
    expect_found(profile, "see you there")
    search_field(profile).fill("!?")
    expect(profile.dialog.get_by_role("status")).to_contain_text("nothing in this to look for")
    profile.expected.append(r"status of 422 .*/search")


def test_a_message_that_is_deleted_meanwhile_still_leads_to_its_place(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    first = ann.send("a ferry to be taken back", to=ben.id)
    profile = open_profile()
    profile.bring(ben.email)
    open_search(profile)
    search_field(profile).fill("ferry")
    expect_found(profile, "a ferry to be taken back")

    ann.delete(first)
    results(profile).click()

    expect_shown(profile.message("Message deleted"))
    profile.page.keyboard.press("/")
    expect(search_field(profile)).to_have_value("ferry")
    expect(profile.dialog.get_by_role("status")).to_contain_text("No message")


def test_a_search_needs_no_mouse_and_gives_the_focus_back(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("the old ferry", to=ben.id)["conversation_id"]
    ann.send("the new ferry", conversation_id=conversation_id)
    profile = open_profile()
    profile.bring(ben.email, f"/chat/{conversation_id}")
    expect(profile.composer).to_be_focused()

    profile.page.keyboard.type("and/or ")
    expect(profile.composer).to_have_value("and/or ")
    profile.page.keyboard.press("Control+Shift+F")
    expect(search_field(profile)).to_be_focused()
    profile.page.keyboard.type("ferry")
    expect_found(profile, "the new ferry", "the old ferry")
    profile.page.keyboard.press("Escape")
    expect(profile.composer).to_be_focused()

    profile.page.keyboard.press("Control+Shift+F")
    expect_found(profile, "the new ferry", "the old ferry")
    profile.page.keyboard.press("ArrowDown")
    expect(results(profile).last).to_have_attribute("aria-selected", "true")
    profile.page.keyboard.press("Enter")
    expect_shown(profile.message("the old ferry"))


def test_on_a_phone_the_search_is_the_whole_screen(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("the ferry, on a phone", to=ben.id)["conversation_id"]
    profile = open_profile(viewport=PHONE, has_touch=True, is_mobile=True)
    profile.bring(ben.email)

    profile.page.get_by_role("button", name="Search messages").tap()
    # It may still be coming up.
    eventually(lambda: profile.dialog.bounding_box() == {"x": 0, "y": 0, **PHONE}, "the whole screen")
    search_field(profile).fill("phone")
    results(profile).tap()

    expect_shown(profile.message("the ferry, on a phone"))
    expect(profile.page).to_have_url(f"{stack.public_url}/chat/{conversation_id}")
    assert profile.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_without_a_connection_the_search_says_so_and_can_be_made_again(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    ann.send("the ferry of better days", to=ben.id)
    profile = open_profile()
    profile.bring(ben.email)
    profile.expected.append(UNREACHABLE)

    profile.context.set_offline(True)
    open_search(profile)
    search_field(profile).fill("ferry")
    expect(profile.dialog.get_by_role("status")).to_contain_text("You’re offline")
    profile.context.set_offline(False)
    profile.dialog.get_by_role("button", name="Try again").click()

    expect_found(profile, "the ferry of better days")


def test_an_answer_leads_to_a_message_far_back(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    first = ann.send("shall we take the ferry?", to=ben.id)
    conversation_id = first["conversation_id"]
    write_much(ben, conversation_id, FAR_BACK)
    ben.send("yes, let us", conversation_id=conversation_id, reply_to=first["id"])
    profile = open_profile()
    profile.bring(ben.email, f"/chat/{conversation_id}")

    profile.message("yes, let us").get_by_role("button", name="A message further up").click()

    expect_shown(profile.message("shall we take the ferry?"))
    scroll_down_to(profile, "yes, let us")
    profile.expect_texts(
        ["shall we take the ferry?", *(f"small talk {number}" for number in range(FAR_BACK)), "yes, let us"]
    )


def test_a_link_to_a_message_that_is_not_there_says_so(stack: Stack, open_profile: Open) -> None:
    ann, ben, cho = (stack.sign_in(name) for name in ("ann", "ben", "cho"))
    elsewhere = ann.send("not for cho", to=ben.id)
    conversation_id = ann.send("for cho", to=cho.id)["conversation_id"]
    profile = open_profile()
    profile.expected.append(rf"status of 404 .*{elsewhere['id']}")

    profile.bring(cho.email, f"/chat/{conversation_id}?message={elsewhere['id']}")

    expect(profile.notice).to_have_text("That message isn’t there any more.")
    profile.expect_texts(["for cho"])
