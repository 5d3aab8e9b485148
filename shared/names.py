"""What people and groups may be called: 1–80 code points that are to be seen, and change no text around them."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from shared.wire import Text

NAME_LENGTH = 80
# They turn the direction of all that follows: a name could make a line say something else.
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(value: str) -> str:
    """The name, trimmed. Raises ValueError."""
    name = value.strip()
    if not 1 <= len(name) <= NAME_LENGTH:
        raise ValueError(f"must be 1 to {NAME_LENGTH} characters")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in TURNING for character in name):
        raise ValueError("must not contain control characters")
    if all(unicodedata.category(character)[0] in "CZ" for character in name):
        raise ValueError("must have a character that can be seen")
    return name


Name = Annotated[Text, AfterValidator(check_name)]
