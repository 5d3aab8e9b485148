"""GoTrue's limits by address (token buckets, only when a header names the address) and its cap on mails."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import request

from tests.standins.gotrue.errors import GotrueError
from tests.standins.gotrue.options import GotrueOptions
from tests.standins.gotrue.store import Clock

BURST = 30
Bucket = Literal["otp", "magiclink", "signup", "recover", "user", "verify", "token"]


class Limits:
    def __init__(self, options: GotrueOptions, clock: Clock) -> None:
        self._options, self._clock = options, clock
        self._buckets: dict[tuple[Bucket, str], tuple[float, datetime]] = {}
        self._mails: tuple[int, datetime] | None = None

    def take(self, bucket: Bucket) -> None:
        """Raises GotrueError 429 when this caller has asked too often."""
        header = self._options.rate_limit_header
        address = request.headers.get(header, "").split(",")[0].strip() if header else ""
        if not address:
            return
        rates = {"verify": self._options.verify_per_five_minutes, "token": self._options.token_per_five_minutes}
        a_second = rates.get(bucket, self._options.otp_per_five_minutes) / 300
        now = self._clock.now()
        left, at = self._buckets.get((bucket, address), (float(BURST), now))
        left = min(BURST, left + (now - at).total_seconds() * a_second)
        if left < 1:
            raise GotrueError(429, "over_request_rate_limit", "Request rate limit reached")
        self._buckets[bucket, address] = (left - 1, now)

    def take_mail(self) -> None:
        """Raises GotrueError 429 when the installation has sent its mails for this hour."""
        now = self._clock.now()
        sent, since = self._mails or (0, now)
        if (now - since).total_seconds() >= 3600:
            sent, since = 0, now
        if sent >= self._options.mails_per_hour:
            raise GotrueError(429, "over_email_send_rate_limit", "email rate limit exceeded")
        self._mails = (sent + 1, since)
