"""The mails themselves: plain text and HTML saying the same."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, localtime, make_msgid
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader

from services.auth.addresses import ENCODED_WORD, to_ascii_domain

TEMPLATES = Environment(loader=PackageLoader("services.auth"), autoescape=True)
BARE_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f-\x9f()<>\[\]:;,@\\\"]{1,250}@[a-zA-Z0-9.-]{1,253}")


class Recipient(BaseHeader):
    """A ``To`` header written as it is: Python's own decodes and parses a recipient again on its way out."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        if not BARE_ADDRESS.fullmatch(value) or ENCODED_WORD in value:
            raise ValueError("An invalid recipient.")
        kwds["decoded"], kwds["parse_tree"] = value, None

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("to", Recipient)


@dataclass(frozen=True)
class Mail(ABC):
    """``to`` has been through ``normalise_email``; a mail without a code has none to type."""

    to: str
    link: str
    code: str = ""

    template: ClassVar[str]

    @property
    @abstractmethod
    def subject(self) -> str: ...

    @property
    def envelope_to(self) -> str:
        return to_ascii_domain(self.to)

    def render(self, sender: Address) -> EmailMessage:
        """multipart/alternative. Raises ValueError for what could become headers or recipients of somebody's own."""
        message = EmailMessage(policy=SMTP.clone(utf8=not self.to.isascii(), header_factory=HEADERS))
        message["From"] = sender
        message["To"] = self.envelope_to
        message["Subject"] = self.subject
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "I am on holiday" in return
        message.set_content(TEMPLATES.get_template(f"{self.template}.txt").render(mail=self))
        message.add_alternative(TEMPLATES.get_template(f"{self.template}.html").render(mail=self), subtype="html")
        return message


@dataclass(frozen=True)
class SignInMail(Mail):
    """``link`` and ``code`` sign in, once, for ten minutes."""

    template = "sign_in_mail"

    @property
    def subject(self) -> str:
        return f"{self.code} is your Pulse sign-in code"


@dataclass(frozen=True)
class SignUpMail(Mail):
    """As SignInMail, and the password chosen counts from then on. ``chosen_on`` is the browser it was chosen on."""

    chosen_on: str | None = None

    template = "sign_up_mail"

    @property
    def subject(self) -> str:
        return f"{self.code} confirms your Pulse account"


@dataclass(frozen=True)
class KnownMail(Mail):
    """As SignInMail, to whoever signs up and has an account."""

    template = "known_mail"

    @property
    def subject(self) -> str:
        return "You already have a Pulse account"


@dataclass(frozen=True)
class InvitationMail(Mail):
    """``link`` signs in, once, within ``days``, until the first sign-in; ``place`` is the installation's host."""

    inviter: str | None = None
    login_url: str = ""
    days: int = 0

    template = "invitation_mail"

    @property
    def place(self) -> str:
        return urlsplit(self.login_url).netloc

    @property
    def subject(self) -> str:
        # Without the inviter's name, which is whatever they call themselves.
        return f"You are invited to Pulse at {self.place}"


@dataclass(frozen=True)
class ResetMail(Mail):
    """``link`` leads to a page that asks for a new password, once, within ten minutes."""

    asked_on: str | None = None

    template = "reset_mail"

    @property
    def subject(self) -> str:
        return "Set a new Pulse password"


@dataclass(frozen=True)
class PasswordChangedMail(Mail):
    """``link`` leads to the sign-in page, where one asks for a new password."""

    template = "password_changed_mail"

    @property
    def subject(self) -> str:
        return "Your Pulse password was changed"
