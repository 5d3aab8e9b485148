"""Passwords as they are kept: argon2id with OWASP's parameters, renewed when those change.

Hashing is dear on purpose, 19 MiB and some 30 ms each, so only a few happen at once, some more wait, and the rest are
told to come back: a flood of logins can take neither the memory nor all the threads, which others need to refresh.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Unavailable

# OWASP Password Storage Cheat Sheet: argon2id, m=19456 (19 MiB), t=2, p=1.
OWASP = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
AT_ONCE = 2
WAIT_SECONDS = 5.0

T = TypeVar("T")


class Passwords:
    """``waiting`` is how many calls a process has under way, waiting ones too, before it refuses more."""

    def __init__(self, waiting: int, hasher: PasswordHasher = OWASP, at_once: int = AT_ONCE) -> None:
        self._hasher = hasher
        self._working = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(max(waiting, at_once))
        self._nobodys = ""

    def hash(self, password: str) -> str:
        """Raises Unavailable when too many are being hashed."""
        return self._run(lambda: self._hasher.hash(_normalise(password)))

    def check(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Whether it is the one kept, and a new hash to keep where that was made by other parameters.

        None kept takes as long as a wrong one. Raises Unavailable when too many are being compared.
        """
        return self._run(lambda: self._compare(_normalise(password), kept))

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

    def _run(self, work: Callable[[], T]) -> T:
        with self._place():
            return work()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise _busy()
        try:
            if not self._working.acquire(timeout=WAIT_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._working.release()
        finally:
            self._waiting.release()


def _normalise(password: str) -> str:
    """Keyboards write the same letter in several ways (NIST SP 800-63B asks for NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _busy() -> Unavailable:
    return Unavailable("Too many people are signing in. Try again in a moment.", retry_after_seconds=2)
