"""What the timeline shows of long conversations and of hostile texts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.conftest import Open
from tests.system.conftest import EMBEDDED_ONLY
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]

TEXTS = "[...view.querySelectorAll('article p[dir=auto]')]"
SCROLL_UP = f"""
view => {{
    view.scrollBy(0, -600);
    const edge = view.getBoundingClientRect().top;
    const texts = {TEXTS};
    const seen = texts.find(text => text.getBoundingClientRect().top >= edge);
    return {{text: seen.textContent, top: seen.getBoundingClientRect().top, rows: texts.length}};
}}
"""
LOOK = f"""
(view, wanted) => {{
    const texts = {TEXTS};
    const seen = texts.find(text => text.textContent === wanted);
    return {{top: seen.getBoundingClientRect().top, rows: texts.length}};
}}
"""
JUMP_PIXELS = 3
HOSTILE = [
    "<img src=x onerror=\"window.pwned = 'image'\">",
    "<script>window.pwned = 'script'</script>",
    "javascript:alert('link')",
    "[click](javascript:window.pwned='markdown') https://x.example/\"onmouseover=\"alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "\u202eright to left\u202c &lt;b&gt;",
]


def test_older_messages_come_while_scrolling_and_nothing_jumps(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("message 0", to=ben.id)["conversation_id"]
    for number in range(1, 200):
        sender = (ann, ben)[number % 3 == 0]
        sender.try_to_send(f"message {number}", conversation_id=conversation_id, check=False)
    ben.chat.post(f"/conversations/{conversation_id}/read", {"seq": 1_000})
    profile = open_profile()
    profile.bring(ben.email, f"/chat/{conversation_id}")
    expect(profile.messages.last).to_contain_text("message 199")
    expect(profile.messages.last).to_be_in_viewport()
    view = profile.page.get_by_role("region", name="Conversation history")

    grown = 0
    for _ in range(200):
        before: dict[str, Any] = view.evaluate(SCROLL_UP)
        profile.page.wait_for_timeout(30)
        after: dict[str, Any] = view.evaluate(LOOK, before["text"])
        assert abs(after["top"] - before["top"]) <= JUMP_PIXELS, f"jumped at {before} → {after}"
        grown += after["rows"] > before["rows"]
        if profile.messages.filter(has_text=re.compile("message 0$")).count():
            break

    assert grown >= 1
    profile.expect_texts([f"message {number}" for number in range(200)])


def test_a_new_message_does_not_move_what_is_being_read(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("message 0", to=ben.id)["conversation_id"]
    for number in range(1, 60):
        ann.try_to_send(f"message {number}", conversation_id=conversation_id, check=False)
    ben.chat.post(f"/conversations/{conversation_id}/read", {"seq": 1_000})
    profile = open_profile()
    profile.bring(ben.email, f"/chat/{conversation_id}")
    expect(profile.messages.last).to_be_in_viewport()
    view = profile.page.get_by_role("region", name="Conversation history")
    view.evaluate(SCROLL_UP)
    profile.page.wait_for_timeout(100)
    before = view.evaluate(SCROLL_UP)

    ann.send("new below", conversation_id=conversation_id)
    expect(profile.page.get_by_role("button", name="New messages")).to_be_visible()
    after = view.evaluate(LOOK, before["text"])
    assert abs(after["top"] - before["top"]) <= JUMP_PIXELS

    profile.page.get_by_role("button", name="New messages").click()
    expect(profile.messages.last).to_be_in_viewport()
    expect(profile.messages.last).to_contain_text("new below")


def test_reading_begins_at_the_first_unread_message(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    first = ann.send("message 0", to=ben.id)
    conversation_id = first["conversation_id"]
    ben.chat.post(f"/conversations/{conversation_id}/read", {"seq": first["seq"]})
    for number in range(1, 40):
        ann.try_to_send(f"message {number}", conversation_id=conversation_id, check=False)
    profile = open_profile()

    profile.bring(ben.email, f"/chat/{conversation_id}")
    expect(profile.messages.filter(has_text=re.compile("message 1$"))).to_be_in_viewport()
    expect(profile.messages.last).not_to_be_in_viewport()
    profile.page.get_by_role("button", name=re.compile("newest|New messages")).click()

    expect(profile.messages.last).to_be_in_viewport()
    expect(profile.conversations.get_by_test_id("unread")).to_have_count(0)
    # The badge goes at once; the server learns it a moment later.
    eventually(lambda: ben.conversation(conversation_id)["unread"] == 0, "reading")


def test_hostile_texts_are_shown_and_do_nothing(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send(HOSTILE[0], to=ben.id)["conversation_id"]
    for text in HOSTILE[1:]:
        ann.send(text, conversation_id=conversation_id)
    dialogs: list[Dialog] = []
    profile = open_profile()
    profile.context.on("dialog", lambda dialog: dialogs.append(dialog))

    profile.bring(ben.email, f"/chat/{conversation_id}")
    expect(profile.messages).to_have_count(len(HOSTILE))
    later = ann.send(HOSTILE[0], conversation_id=conversation_id)
    expect(profile.messages).to_have_count(len(HOSTILE) + 1)

    shown = profile.messages.locator("p[dir=auto]").all_text_contents()
    assert shown == [*HOSTILE, later["content"]]
    assert profile.timeline.locator("img, script, iframe, svg[onload], [onerror], [onmouseover]").count() == 0
    links = [link.get_attribute("href") or "" for link in profile.timeline.locator("a").all()]
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in links), links
    for link in profile.timeline.locator("a").all():
        assert "noopener" in (link.get_attribute("rel") or "")
    assert profile.page.evaluate("window.pwned") is None
    assert dialogs == []


def test_a_link_in_a_message_leads_where_it_says(stack: Stack, open_profile: Open) -> None:
    ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
    conversation_id = ann.send("see https://example.org/a?b=c#d, ok?", to=ben.id)["conversation_id"]
    profile = open_profile()

    profile.bring(ben.email, f"/chat/{conversation_id}")

    link = profile.timeline.get_by_role("link", name="https://example.org/a?b=c#d")
    expect(link).to_have_attribute("href", "https://example.org/a?b=c#d")
    profile.expect_texts(["see https://example.org/a?b=c#d, ok?"])


def test_a_conversation_of_others_is_not_there(stack: Stack, open_profile: Open) -> None:
    ann, ben, cho = (stack.sign_in(name) for name in ("ann", "ben", "cho"))
    conversation_id = ann.send("not for cho", to=ben.id)["conversation_id"]
    profile = open_profile()
    profile.expected.append(rf"status of 404 .*{conversation_id}")

    profile.bring(cho.email, f"/chat/{conversation_id}")

    expect(profile.page.get_by_role("heading", name="Nothing to read here")).to_be_visible()
    assert "not for cho" not in profile.page.content()
