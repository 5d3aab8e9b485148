"""How often somebody may be wrong before GoTrue is asked: it counts no wrong codes itself.

A link's token is only the SHA-224 of address and code (supabase/auth, GenerateTokenHash), so whoever knows an address
can work out all its links. A seal can't be worked out, but whoever has a mail of their own has one: wrong links count
for the address in their seal, and for the network address they come from. Links without a seal share their tries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.auth.limits import WINDOW_SECONDS, network_of
from services.auth.provider import LinkExpired
from services.auth.supabase.errors import FAILURES, translate
from shared.database import Database
from shared.errors import AppError, NotAllowed, TooManyRequests

CODES_PER_ADDRESS = 5
SEALED_LINKS_PER_ADDRESS = 10  # more than codes: an old mail's link is soon pressed twice
UNSEALED_LINKS_PER_NETWORK = 10  # also as many at once, right ones too
UNSEALED_LINKS = 20  # of the whole installation; clients that send what the link says need none


class Tries:
    """Taken before the try, so that tries at the same time can't get around it; given back when it was no wrong one."""

    def __init__(self, database: Database, links_per_network: int) -> None:
        self._database = database
        self._links_per_network = links_per_network

    @contextmanager
    def of_code(self, email: str) -> Iterator[None]:
        """Raises LinkExpired, as for a wrong code."""
        with self._one(f"code-of:{email}", CODES_PER_ADDRESS, LinkExpired):
            yield

    @contextmanager
    def of_sealed_link(self, network_address: str | None, email: str) -> Iterator[None]:
        """``email`` is whose seal it is. Raises TooManyRequests, or LinkExpired as for a wrong link."""
        with (
            self._one(f"link:{network_of(network_address)}", self._links_per_network, TooManyRequests),
            self._one(f"link-of:{email}", SEALED_LINKS_PER_ADDRESS, LinkExpired),
        ):
            yield

    @contextmanager
    def of_unsealed_link(self, network_address: str | None) -> Iterator[None]:
        """Raises TooManyRequests: to one network address long before it does so to everybody."""
        with (
            self._one(f"unsealed-link:{network_of(network_address)}", UNSEALED_LINKS_PER_NETWORK, TooManyRequests),
            self._one("unsealed-links", UNSEALED_LINKS, TooManyRequests),
        ):
            yield

    @contextmanager
    def _one(self, bucket: str, permits: int, refusal: type[LinkExpired | TooManyRequests]) -> Iterator[None]:
        permit = self._database.call("take_permit", bucket=bucket, permits=permits, window_seconds=WINDOW_SECONDS)
        if not permit["allowed"]:
            raise refusal(retry_after_seconds=permit["retry_after_seconds"] if refusal is TooManyRequests else None)
        try:
            yield
        except FAILURES as error:
            if not isinstance(translate_try(error), LinkExpired):  # GoTrue never compared it
                self._database.call("return_permit", bucket=bucket)
            raise
        except TooManyRequests:  # of an inner limit: not tried at all
            self._database.call("return_permit", bucket=bucket)
            raise
        self._database.call("return_permit", bucket=bucket)


def translate_try(error: Exception) -> AppError:
    """As ``translate``; a ban is LinkExpired, as GoTrue tells it also to whoever has a wrong code."""
    found = translate(error, LinkExpired)
    return LinkExpired() if isinstance(found, NotAllowed) else found
