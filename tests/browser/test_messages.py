"""What was written can be changed, taken back and answered, and everybody sees it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.profile import UNREACHABLE, Profile
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]


def open_for(stack: Stack, open_profile: Open, ann_email: str) -> tuple[Profile, Person, str]:
    """ann at a browser, in a conversation with ben in which each has written; and ben."""
    ann, ben = open_profile(), stack.sign_in("ben")
    ann.bring(ann_email)
    ann.find(ben.user["name"])
    ann.say("first words")
    expect(ann.messages).to_have_attribute("data-state", "sent")
    conversation_id = ann.page.url.rpartition("/")[2]
    eventually(lambda: ben.history(conversation_id), "ann's message")
    ben.send("words of ben", conversation_id=conversation_id)
    ann.expect_texts(["first words", "words of ben"])
    return ann, ben, conversation_id


def test_ones_own_message_is_changed_from_the_keyboard_and_anothers_is_not_offered(
    stack: Stack, open_profile: Open, ann_email: str
) -> None:
    ann, ben, conversation_id = open_for(stack, open_profile, ann_email)

    ann.composer.press("ArrowUp")
    expect(ann.composer).to_have_value("first words")
    ann.page.keyboard.press("Escape")
    expect(ann.composer).to_have_value("")
    ann.composer.press("ArrowUp")
    ann.say("better words")
    ann.expect_texts(["better words", "words of ben"])
    expect(ann.message("better words")).to_contain_text("edited")
    expect(ann.composer).to_be_focused()
    eventually(lambda: ben.history(conversation_id)[0]["content"] == "better words", "the change")

    ben.chat.request("PATCH", f"/messages/{ben.history(conversation_id)[1]['id']}", json={"content": "ben's new words"})
    ann.expect_texts(["better words", "ben's new words"])
    ann.message("new words").get_by_role("button", name="Actions for").focus()
    ann.page.keyboard.press("Enter")
    expect(ann.page.get_by_role("menuitem", name="Reply")).to_be_focused()
    expect(ann.page.get_by_role("menuitem", name=re.compile("Edit|Delete"))).to_have_count(0)
    ann.page.keyboard.press("Escape")
    expect(ann.message("new words").get_by_role("button", name="Actions for")).to_be_focused()
    ann.page.reload()
    ann.expect_texts(["better words", "ben's new words"])


def test_a_message_is_taken_back_only_after_one_more_question(stack: Stack, open_profile: Open, ann_email: str) -> None:
    ann, ben, conversation_id = open_for(stack, open_profile, ann_email)

    ann.act_on("first words", "Delete")
    ann.dialog.get_by_role("button", name="Cancel").click()
    ann.expect_texts(["first words", "words of ben"])
    ann.act_on("first words", "Delete")
    ann.dialog.get_by_role("button", name="Delete").click()

    ann.expect_texts(["words of ben"])
    expect(ann.messages.first).to_contain_text("Message deleted")
    eventually(lambda: ben.history(conversation_id)[0]["content"] is None, "the deletion")
    ann.page.reload()
    expect(ann.messages.first).to_contain_text("Message deleted")


def test_a_change_that_did_not_get_through_says_so_and_can_be_made_again(
    stack: Stack, open_profile: Open, ann_email: str
) -> None:
    ann, ben, conversation_id = open_for(stack, open_profile, ann_email)
    ann.expected.append(UNREACHABLE)

    ann.context.set_offline(True)
    ann.act_on("first words", "Edit")
    ann.say("other words")
    expect(ann.message("other words")).to_contain_text("Your change is not saved.")
    ann.context.set_offline(False)
    ann.message("other words").get_by_role("button", name="Retry").click()

    expect(ann.message("other words")).to_contain_text("edited")
    eventually(lambda: ben.history(conversation_id)[0]["content"] == "other words", "the change")


def test_an_answer_shows_what_it_answers(stack: Stack, open_profile: Open, ann_email: str) -> None:
    ann, ben, conversation_id = open_for(stack, open_profile, ann_email)

    ann.act_on("words of ben", "Reply")
    expect(ann.page.get_by_text("Reply to Ben")).to_be_visible()
    ann.say("exactly")
    expect(ann.message("exactly").get_by_role("button", name="words of ben")).to_be_visible()

    answer = eventually(lambda: ben.history(conversation_id)[2:], "the answer")[0]
    assert answer["reply_to"] == ben.history(conversation_id)[1]["id"]
    ann.page.reload()
    expect(ann.message("exactly").get_by_role("button", name="words of ben")).to_be_visible()
