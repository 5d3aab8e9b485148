"""Lines break: what was written is kept, sent once, and both sides end with the same."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, name_of
from tests.browser.profile import UNREACHABLE, Profile
from tests.system.conftest import EMBEDDED_ONLY

pytestmark = [pytest.mark.browser, EMBEDDED_ONLY]


@pytest.fixture
def pair(open_profile: Open, ann_email: str, ben_email: str) -> tuple[Profile, Profile]:
    """ann and ben look at their conversation."""
    ann, ben = open_profile(), open_profile()
    for somebody, email in ((ann, ann_email), (ben, ben_email)):
        somebody.expected.append(UNREACHABLE)
        somebody.bring(email)
    ann.find(name_of(ben_email))
    ann.say("hello")
    ben.open(name_of(ann_email))
    ben.expect_texts(["hello"])
    return ann, ben


def test_what_is_written_offline_is_sent_once_when_back(pair: tuple[Profile, Profile]) -> None:
    ann, ben = pair
    expect(ann.banner).to_be_empty()

    ann.context.set_offline(True)
    expect(ann.banner).to_contain_text("offline")
    ann.say("written offline")
    ann.say("and more")
    expect(ann.messages.filter(has_text="written offline")).to_have_attribute("data-state", "pending")
    ben.say("meanwhile")
    expect(ben.messages.last).to_have_attribute("data-state", "sent")
    ben.expect_texts(["hello", "meanwhile"])

    ann.context.set_offline(False)
    expect(ann.banner).to_be_empty()
    everything = ["hello", "meanwhile", "written offline", "and more"]
    for somebody in (ann, ben):
        somebody.expect_texts(everything)
        somebody.page.reload()
        somebody.expect_texts(everything)


def test_what_was_not_sent_survives_a_reload(pair: tuple[Profile, Profile]) -> None:
    ann, ben = pair
    ann.stack.chat.pause()
    ann.say("chat does not answer")
    expect(ann.messages.last).to_have_attribute("data-state", "pending")
    ann.page.reload(wait_until="commit")

    ann.stack.chat.resume()
    for somebody in (ann, ben):
        somebody.expect_texts(["hello", "chat does not answer"], timeout=40_000)
    expect(ann.messages.last).to_have_attribute("data-state", "sent")


def test_both_converge_after_the_websocket_service_was_killed(pair: tuple[Profile, Profile]) -> None:
    ann, ben = pair

    ann.stack.websocket.kill()
    ann.say("one")
    ben.say("two")
    for somebody in pair:
        expect(somebody.banner).to_contain_text("Reconnecting")
    ann.say("three")
    expect(ann.messages.filter(has_text="three")).to_have_attribute("data-state", "sent")
    ann.stack.websocket.start()
    for somebody in pair:
        expect(somebody.banner).to_be_empty(timeout=40_000)
        expect(somebody.messages).to_have_count(4)
    history = [text.strip() for text in ann.messages.locator("p[dir=auto]").all_inner_texts()]
    assert history[0] == "hello"
    assert sorted(history[1:]) == ["one", "three", "two"]

    ben.say("live again")
    for somebody in pair:
        somebody.expect_texts([*history, "live again"])
        somebody.page.reload()
        somebody.expect_texts([*history, "live again"])


def test_both_converge_after_chat_was_killed(pair: tuple[Profile, Profile]) -> None:
    ann, ben = pair

    ann.stack.chat.kill()
    ann.say("while chat is away")
    expect(ann.messages.last).to_have_attribute("data-state", "pending")
    ann.stack.chat.start()

    for somebody in (ann, ben):
        somebody.expect_texts(["hello", "while chat is away"], timeout=40_000)
    expect(ann.messages.last).to_have_attribute("data-state", "sent")
