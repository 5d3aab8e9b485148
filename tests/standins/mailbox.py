"""A mail server on loopback that keeps what it is sent, taken apart into what a reader of the mail would use."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

WAIT_SECONDS = 30.0
CODE = re.compile(r"(?<![\w#&/=])\d{6,10}(?!\w)")


@dataclass(frozen=True)
class ReceivedMail:
    """``links`` are the hrefs as a browser would open them; ``code`` is "" in a mail without one."""

    to: str
    subject: str
    html: str
    text: str
    links: tuple[str, ...]
    code: str

    @property
    def link(self) -> str:
        return self.links[0]

    def query(self, name: str) -> str:
        """What the mail's first link says in its query for ``name``."""
        return parse_qs(urlsplit(self.link).query)[name][0]


class Mailbox:
    """Set ``delay_seconds`` for a slow server, ``refusal`` (like ``550 no such user``) for one that takes no mail.

    What waits goes on as soon as the delay is less than its wait.
    """

    def __init__(self) -> None:
        self.delay_seconds = 0.0
        self.refusal: str | None = None
        self.host, self.port = "127.0.0.1", 0
        self._mails: list[ReceivedMail] = []
        self._refused = 0
        self._arrived = threading.Condition()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        began = time.monotonic()
        while time.monotonic() - began < self.delay_seconds:
            await asyncio.sleep(0.02)
        if self.refusal is not None:
            with self._arrived:
                self._refused += 1
                self._arrived.notify_all()
            return self.refusal
        mail = _read(envelope)
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return "250 OK"

    def mails_to(self, address: str) -> list[ReceivedMail]:
        """Oldest first."""
        with self._arrived:
            return [mail for mail in self._mails if mail.to == address]

    def wait_for(self, address: str, count: int = 1, seconds: float = WAIT_SECONDS) -> ReceivedMail:
        """The ``count``-th mail to that address, which may still be under way."""
        with self._arrived:
            found = self._arrived.wait_for(lambda: len(self.mails_to(address)) >= count, timeout=seconds)
            assert found, f"{len(self.mails_to(address))} of {count} mails to {address} arrived"
            return self.mails_to(address)[count - 1]

    def wait_for_refusal(self, seconds: float = WAIT_SECONDS) -> None:
        """Until a mail has been refused."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self._refused > 0, timeout=seconds), "nothing was refused"


class _Controller(Controller):  # type: ignore[misc]
    """Port 0 is the system's choice; aiosmtpd itself looks for its server where it was told to be, not where it is."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def serve_mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = _Controller(mailbox, hostname=mailbox.host, port=0, enable_SMTPUTF8=True)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attributes if name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _read(envelope: Envelope) -> ReceivedMail:
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    html, plain = message.get_body(("html",)), message.get_body(("plain",))
    page = _Page()
    page.feed(html.get_content() if html else "")
    text = plain.get_content() if plain else " ".join(" ".join(page.words).split())
    code = CODE.search(text)
    return ReceivedMail(
        to=envelope.rcpt_tos[0],
        subject=str(message["Subject"]),
        html=html.get_content() if html else "",
        text=text,
        links=tuple(page.links),
        code=code[0] if code else "",
    )
