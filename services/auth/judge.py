"""The rules for new passwords, asked by few at once: judging one takes some milliseconds of the whole process."""

from __future__ import annotations

from services.auth.password_rules import check_new_password
from services.auth.places import Places

AT_ONCE = 1  # it is all Python: two would only take turns


class Judge:
    """``waiting`` as for Places."""

    def __init__(self, waiting: int) -> None:
        self._places = Places(waiting, AT_ONCE)

    def check(self, password: str, email: str, name: str = "") -> None:
        """Raises Malformed for a weak one, or Unavailable when too many are being judged."""
        with self._places.one():
            check_new_password(password, email, name)
