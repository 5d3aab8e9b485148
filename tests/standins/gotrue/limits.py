"""GoTrue's limits by address (token buckets, only when a header names the address) and its cap on mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from flask import request

from tests.standins.gotrue.errors import GotrueError
from tests.standins.gotrue.options import GotrueOptions
from tests.standins.gotrue.people import now

BURST = 30
Bucket = Literal["otp", "magiclink", "signup", "recover", "user", "verify", "token"]


class Limits:
    def __init__(self, options: GotrueOptions) -> None:
        self._options = options
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
        moment = now()
        left, at = self._buckets.get((bucket, address), (float(BURST), moment))
        left = min(BURST, left + (moment - at).total_seconds() * a_second)
        if left < 1:
            raise GotrueError(429, "over_request_rate_limit", "Request rate limit reached")
        self._buckets[bucket, address] = (left - 1, moment)

    def take_mail(self) -> None:
        """Raises GotrueError 429 when the installation has sent its mails for this hour."""
        moment = now()
        sent, since = self._mails or (0, moment)
        if (moment - since).total_seconds() >= 3600:
            sent, since = 0, moment
        if sent >= self._options.mails_per_hour:
            raise GotrueError(429, "over_email_send_rate_limit", "email rate limit exceeded")
        self._mails = (sent + 1, since)

    def let_pass(self, seconds: float) -> None:
        gone = timedelta(seconds=seconds)
        self._buckets = {key: (left, at - gone) for key, (left, at) in self._buckets.items()}
        self._mails = self._mails and (self._mails[0], self._mails[1] - gone)
