"""E-mail addresses: one spelling each, and the forms in which people and logs may see them."""

from __future__ import annotations

import re
from typing import Annotated

import email_validator
import idna
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator

from shared.wire import check_text

NAME_LENGTH = 80
ENCODED_WORD = "=?"
"""Begins what mail programs decode (RFC 2047), which could be other recipients, headers or a body."""

# Mail inside a house goes to such names; refusing them protects nobody, as nothing is looked up.
for _name in {"local", "localhost", "test"} & set(email_validator.SPECIAL_USE_DOMAIN_NAMES):
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def normalise_email(text: str) -> str:
    """The one spelling of an address: trimmed, lower case, checked without DNS. Raises ValueError."""
    try:
        found = validate_email(check_text(text).strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    if ENCODED_WORD in found.local_part:
        raise ValueError("The part before the @ is not allowed to hold =? in a row.")
    return found.normalized.lower()


Email = Annotated[str, AfterValidator(normalise_email)]


def domain_of(email: str) -> str:
    return email.rpartition("@")[2]


def to_ascii_domain(email: str) -> str:
    """As it travels: the domain in punycode. Other letters before the @ stay; they need a server with SMTPUTF8."""
    local, _, domain = email.rpartition("@")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"


def mask_email(email: str) -> str:
    """``ann@example.org`` as ``a***@example.org``: its owner knows it again, a bystander learns little."""
    return f"{email[:1]}***@{domain_of(email)}"


def present_name(email: str) -> str:
    """A first name to go by: ``ann.lee+chat@example.org`` is "Ann Lee". Never empty, at most 80 characters."""
    local = email.rpartition("@")[0]
    words = [word for word in re.split(r"[._\-\s]+", local.partition("+")[0]) if word]
    name = " ".join(word[:1].upper() + word[1:] for word in words)
    return (name or local)[:NAME_LENGTH].strip()
