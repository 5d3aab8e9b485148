"""A link and its code sign in once, also when they come twice at the same moment.

GoTrue finds a token, and uses it up, without locking anything in between (supabase/auth, verify.go: verifyTokenHash,
signupVerify): of confirmations at once, several open a session each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from services.auth.provider import LinkExpired
from services.auth.seals import hash_token
from shared.database import Database

USE_SECONDS = 60  # longer than GoTrue's limit for a request, after which it knows that the token was used


class OneUse:
    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def of_link(self, token: str) -> Iterator[None]:
        """Raises LinkExpired to all but the first; after an error the next one is first."""
        bucket = f"use-of:{hash_token(token.removeprefix('pkce_'))}"
        if not self._database.call("take_permit", bucket=bucket, permits=1, window_seconds=USE_SECONDS)["allowed"]:
            raise LinkExpired()
        try:
            yield
        except Exception:
            self._database.call("return_permit", bucket=bucket)
            raise

    def of_code(self, email: str, code: str) -> AbstractContextManager[None]:
        """As ``of_link`` of the same mail, whose token is the hash of both (supabase/auth, GenerateTokenHash)."""
        return self.of_link(hashlib.sha224((email + code).encode()).hexdigest())
