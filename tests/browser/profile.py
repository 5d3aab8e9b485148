"""One person at one browser: a context with its own cookies, and everything the browser complains about."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebError, expect

from tests.system.stack import Stack

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

NOT_SIGNED_IN = r"status of 401 .*/auth/(session|refresh)"
UNREACHABLE = r"net::ERR_|WebSocket connection to .* failed|status of 50[234] "


class Profile:
    """``page`` is the tab in front. ``expected`` are patterns of console errors that belong to what a test does."""

    def __init__(self, browser: Browser, stack: Stack, **options: Any) -> None:
        self.stack = stack
        self.expected = [NOT_SIGNED_IN]
        self.context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        self.context.set_default_timeout(20_000)
        self.context.on("console", self._hear)
        self.context.on("weberror", self._break)
        self._complaints: list[str] = []
        self.page = self.context.new_page()

    @property
    def complaints(self) -> list[str]:
        """What the browser's console said was wrong, except what was expected."""
        return [said for said in self._complaints if not any(re.search(known, said) for known in self.expected)]

    def close(self) -> None:
        self.context.close()

    # Signing in

    def ask_for_mail(self, email: str) -> None:
        self.page.goto(self.stack.public_url)
        self.page.wait_for_url("**/login*")
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_role("button", name="Email me a link").click()
        expect(self.page.get_by_label("6-digit code")).to_be_visible()

    def open_inbox(self) -> Page:
        """The page of mails in a tab of its own."""
        with self.context.expect_page() as opened:
            self.page.get_by_role("link", name="Development inbox").click()
        return opened.value

    def sign_in_by_link(self, email: str) -> None:
        """As people do it; goes on in the tab that the mail opened."""
        self.ask_for_mail(email)
        if self.stack.backing.mode == "embedded":
            tab = self.open_inbox()
            tab.get_by_role("link", name="Open the link").first.click()
        else:
            link = self.stack.find_mail(email)["link"]
            tab = self.context.new_page()
            tab.goto(link)
        tab.get_by_role("button", name="Sign in as").click()
        tab.wait_for_url("**/chat")
        self.page.close()
        self.page = tab
        self.wait_for_chat()

    def sign_in_by_code(self, email: str) -> None:
        self.ask_for_mail(email)
        self.page.get_by_label("6-digit code").fill(self.stack.find_mail(email)["code"])
        self.page.wait_for_url("**/chat")
        self.wait_for_chat()

    def bring(self, email: str, path: str = "/chat") -> None:
        """Signed in without the pages, for tests of other things."""
        token_hash = self.stack.mail_link(email)["token_hash"]
        auth = self.stack.public_urls["auth"]
        headers = {"Origin": self.stack.public_url}
        answer = self.context.request.post(f"{auth}/auth/confirm", data={"token_hash": token_hash}, headers=headers)
        assert answer.ok, answer.text()
        assert "refresh_token" not in answer.json()
        self.page.goto(self.stack.public_url + path)
        self.wait_for_chat()

    def wait_for_chat(self) -> None:
        expect(self.page.get_by_role("textbox", name="Message").or_(self.new_message).first).to_be_visible()

    # Talking

    @property
    def new_message(self) -> Locator:
        return self.page.get_by_role("button", name="New message")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def timeline(self) -> Locator:
        return self.page.get_by_role("log", name="Messages")

    @property
    def messages(self) -> Locator:
        return self.timeline.get_by_role("article")

    @property
    def conversations(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations")

    @property
    def banner(self) -> Locator:
        return self.page.get_by_test_id("connection")

    def message(self, text: str) -> Locator:
        return self.messages.filter(has_text=text)

    def act_on(self, text: str, action: str) -> None:
        """What the menu of a message offers."""
        message = self.message(text)
        message.hover()
        message.get_by_role("button", name="Actions for").click()
        self.page.get_by_role("menuitem", name=action).click()

    @property
    def dialog(self) -> Locator:
        """The one in front."""
        return self.page.get_by_role("dialog").last

    @property
    def notice(self) -> Locator:
        return self.page.get_by_test_id("notice")

    def find(self, name: str) -> None:
        """Opens a conversation by people search."""
        self.new_message.click()
        self.page.get_by_role("combobox", name="Find people").fill(name)
        self.page.get_by_role("option", name=name).click()
        expect(self.composer).to_be_visible()

    def say(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")

    def open(self, name: str) -> None:
        """A conversation from the list."""
        self.conversations.get_by_role("link", name=name).click()
        expect(self.composer).to_be_visible()

    def expect_texts(self, texts: list[str], **options: Any) -> None:
        """The timeline shows exactly these, in this order."""
        expect(self.messages.locator("p[dir=auto]")).to_have_text(texts, **options)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            self._complaints.append(f"{message.text} {message.location.get('url', '')}")

    def _break(self, error: WebError) -> None:
        self._complaints.append(f"uncaught: {error.error}")
