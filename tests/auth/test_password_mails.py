"""What the mails about passwords say, in text and HTML."""

from __future__ import annotations

from email.headerregistry import Address

import pytest

from services.auth.mail.message import KnownMail, Mail, PasswordChangedMail, ResetMail, SignInMail, SignUpMail

SENDER = Address("Pulse", addr_spec="pulse@example.org")
LINK = "http://localhost:5001/auth/confirm?token_hash=x&type=email"
TO = "ann@example.org"


@pytest.mark.parametrize(
    ("mail", "words"),
    [
        (SignInMail(TO, LINK, "123456"), "Sign in to Pulse"),
        (SignUpMail(TO, LINK, "123456", chosen_on="Firefox on Linux"), "chose a password for this address"),
        (SignUpMail(TO, LINK, "123456"), "the password never counts"),
        (KnownMail(TO, LINK, "123456"), "You already have"),
        (ResetMail(TO, LINK, asked_on="Firefox on <b>"), "your password stays as it is"),
        (PasswordChangedMail(TO, LINK), "password was changed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Mail) else "",
)
def test_both_parts_say_the_same_and_only_mails_with_a_code_have_one(mail: Mail, words: str) -> None:
    message = mail.render(SENDER)
    assert (message["To"], message["Subject"]) == (TO, mail.subject)
    parts = [part.get_content() for part in message.iter_parts()]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for text, link in zip(parts, (LINK, LINK.replace("&", "&amp;")), strict=True):
        flat = " ".join(text.split())
        assert words in flat
        assert link in text
        assert ("123456" in text) == bool(mail.code)
    assert "<b>" not in parts[1]
