"""The mails themselves: plain text and HTML saying the same."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid

from jinja2 import Environment, PackageLoader

from services.auth.addresses import to_ascii_domain

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
        local, _, domain = to_ascii_domain(self.to).rpartition("@")
        # Not addr_spec, which refuses other letters before the @ whatever the policy.
        message["To"] = Address(username=local, domain=domain)
        message["Subject"] = self.subject
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = make_msgid(domain=sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no "I am on holiday" in return
        message.set_content(TEMPLATES.get_template("sign_in_mail.txt").render(mail=self))
        message.add_alternative(TEMPLATES.get_template("sign_in_mail.html").render(mail=self), subtype="html")
        return message
