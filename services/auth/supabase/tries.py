"""How often somebody may be wrong before GoTrue is asked: it counts no wrong codes itself.

A link's token is only the SHA-224 of address and code (supabase/auth, GenerateTokenHash), so whoever knows an address
can work out all its links. A seal can't be worked out, and is in the mail only: links without one share their tries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from services.auth.provider import LinkExpired
from services.auth.supabase.errors import FAILURES, translate
from shared.database import Database
from shared.errors import TooManyRequests

WINDOW_SECONDS = 600
CODES_PER_ADDRESS = 5
UNSEALED_LINKS = 20  # of the whole installation; clients that send what the link says need none


class Tries:
    """Taken before the try, so that tries at the same time can't get around it; given back when it was no wrong one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_code(self, email: str) -> AbstractContextManager[None]:
        """Raises LinkExpired, as for a wrong code."""
        return self._one(f"code-of:{email}", CODES_PER_ADDRESS, LinkExpired)

    def of_unsealed_link(self) -> AbstractContextManager[None]:
        """Raises TooManyRequests."""
        return self._one("unsealed-links", UNSEALED_LINKS, TooManyRequests)

    @contextmanager
    def _one(self, bucket: str, permits: int, refusal: type[LinkExpired | TooManyRequests]) -> Iterator[None]:
        permit = self._database.call("take_permit", bucket=bucket, permits=permits, window_seconds=WINDOW_SECONDS)
        if not permit["allowed"]:
            raise refusal(retry_after_seconds=permit["retry_after_seconds"] if refusal is TooManyRequests else None)
        try:
            yield
        except FAILURES as error:
            if not isinstance(translate(error, LinkExpired), LinkExpired):  # GoTrue never compared it
                self._database.call("return_permit", bucket=bucket)
            raise
        self._database.call("return_permit", bucket=bucket)
