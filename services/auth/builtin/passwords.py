"""Passwords as they are kept: argon2id with OWASP's parameters, renewed when those change.

Hashing is dear on purpose, 19 MiB and some 30 ms each, so only a few happen at once (services/auth/places.py).
"""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.password_rules import normalise
from services.auth.places import Places

# OWASP Password Storage Cheat Sheet: argon2id, m=19456 (19 MiB), t=2, p=1.
OWASP = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
AT_ONCE = 2


class Passwords:
    """``waiting`` as for Places."""

    def __init__(self, waiting: int, hasher: PasswordHasher = OWASP, at_once: int = AT_ONCE) -> None:
        self._hasher = hasher
        self._places = Places(waiting, at_once)
        self._nobodys = ""

    def hash(self, password: str) -> str:
        """Raises Unavailable when too many are being hashed."""
        with self._places.one():
            return self._hasher.hash(normalise(password))

    def check(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether it is the one kept, and a new hash to keep where that was made by other parameters.

        None kept takes as long as a wrong one. Raises Unavailable when too many are being compared.
        """
        with self._places.one():
            return self._compare(normalise(password), kept)

    def _compare(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        nobodys = self._of_nobody()  # by whoever comes first, or that would show in the first time nobody comes
        try:
            self._hasher.verify(kept or nobodys, password)
        except (VerificationError, InvalidHashError):
            return False, None
        if kept is None:
            return False, None
        return True, self._hasher.hash(password) if self._hasher.check_needs_rehash(kept) else None

    def _of_nobody(self) -> str:
        if not self._nobodys:
            self._nobodys = self._hasher.hash("of nobody")
        return self._nobodys
