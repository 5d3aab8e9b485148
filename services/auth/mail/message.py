"""The mails themselves: plain text and HTML saying the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from typing import ClassVar

from jinja2 import Environment, PackageLoader

from services.auth.addresses import to_ascii_domain

TEMPLATES = Environment(loader=PackageLoader("services.auth"), autoescape=True)


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

    def render(self, sender: Address) -> EmailMessage:
        """multipart/alternative. The policy refuses line breaks in headers, so nobody adds any of their own."""
        message = EmailMessage(policy=SMTP.clone(utf8=not self.to.isascii()))
        message["From"] = sender
        local, _, domain = to_ascii_domain(self.to).rpartition("@")
        # Not addr_spec, which refuses other letters before the @ whatever the policy.
        message["To"] = Address(username=local, domain=domain)
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
