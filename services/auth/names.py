"""What people may be called: by the rule that groups' names follow too."""

from __future__ import annotations

from collections.abc import Mapping

from services.auth.addresses import present_name
from shared.names import Name, check_name

__all__ = ["Name", "check_name", "choose_name"]


def choose_name(claims: Mapping[str, object], email: str) -> str:
    """What the person or Google said, if it is fit to be shown. Theirs to write: nothing else depends on it."""
    for key in ("name", "full_name"):
        try:
            return check_name(str(claims[key] or ""))
        except (KeyError, ValueError):
            continue
    return present_name(email)
