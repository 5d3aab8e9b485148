"""The mails themselves: plain text and HTML saying the same."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

import idna
from jinja2 import Environment, PackageLoader

TEMPLATES = Environment(loader=PackageLoader("services.auth"), autoescape=True)


@dataclass(frozen=True)
class SignInMail:
    """``to`` has been through ``normalise_email``; ``link`` and ``code`` sign in, once, for ten minutes."""

    to: str
    link: str
    code: str

    @property
    def subject(self) -> str:
        return f"{self.code} is your Pulse sign-in code"

    def render(self, sender: Address) -> EmailMessage:
        """multipart/alternative. The policy refuses line breaks in headers, so nobody adds any of their own."""
        message = EmailMessage(policy=SMTP.clone(utf8=not self.to.isascii()))
        message["From"] = sender
        message["To"] = Address(addr_spec=_on_the_wire(self.to))
        message["Subject"] = self.subject
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "I am on holiday" in return
        message.set_content(TEMPLATES.get_template("sign_in_mail.txt").render(mail=self))
        message.add_alternative(TEMPLATES.get_template("sign_in_mail.html").render(mail=self), subtype="html")
        return message


def _on_the_wire(email: str) -> str:
    """A domain in other letters travels as punycode; other letters before the @ need a server with SMTPUTF8."""
    local, _, domain = email.rpartition("@")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"
