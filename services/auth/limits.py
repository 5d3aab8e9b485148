"""How often one network address may ask for mails, or try codes and passwords; agreed on by all processes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from shared.database import Database
from shared.errors import AppError, NotAllowed, NotAuthenticated, TooManyRequests

WINDOW_SECONDS = 600
PASSWORDS_PER_ADDRESS = 10
IPV6_SITE_BITS = 64  # what one customer is given; single addresses of it are free to change


class Limits:
    def __init__(self, database: Database, logins: int, codes: int) -> None:
        self._database = database
        self._logins = logins
        self._codes = codes

    def check_login(self, address: str | None) -> None:
        """Raises TooManyRequests."""
        self._check("login", address, self._logins)

    def check_google(self, address: str | None) -> None:
        """Apart from logins: any page can have a browser begin, by an image. Raises TooManyRequests."""
        self._check("google", address, self._logins)

    def check_code(self, address: str | None) -> None:
        """Raises TooManyRequests."""
        self._check("code", address, self._codes)

    def check_new_password(self, address: str | None) -> None:
        """Also good ones count: how good it is takes work to say. Raises TooManyRequests."""
        self._check("new-password", address, self._codes)

    @contextmanager
    def password_try(self, address: str | None, whose: str) -> Iterator[None]:
        """One try to say somebody's password; given back where it was right, or was not compared.

        ``whose`` is the address somebody named, counted alike whether it is known. Raises TooManyRequests.
        """
        buckets = (f"password:{network_of(address)}", f"password-of:{whose}")
        self._take(buckets[0], self._codes)
        self._take(buckets[1], PASSWORDS_PER_ADDRESS)
        with self._kept_for_wrong_ones(buckets):
            yield

    @contextmanager
    def code_try(self, address: str | None) -> Iterator[None]:
        """As ``check_code``, given back as in ``password_try``."""
        self.check_code(address)
        with self._kept_for_wrong_ones([f"code:{network_of(address)}"]):
            yield

    @contextmanager
    def _kept_for_wrong_ones(self, buckets: Iterable[str]) -> Iterator[None]:
        try:
            yield
        except (NotAuthenticated, NotAllowed):
            raise
        except AppError:
            self._give_back(buckets)
            raise
        self._give_back(buckets)

    def _give_back(self, buckets: Iterable[str]) -> None:
        for bucket in buckets:
            self._database.call("return_permit", bucket=bucket)

    def _check(self, kind: str, address: str | None, permits: int) -> None:
        self._take(f"{kind}:{network_of(address)}", permits)

    def _take(self, bucket: str, permits: int) -> None:
        answer = self._database.call("take_permit", bucket=bucket, permits=permits, window_seconds=WINDOW_SECONDS)
        if not answer["allowed"]:
            raise TooManyRequests(retry_after_seconds=answer["retry_after_seconds"])


def network_of(address: str | None) -> str:
    """Who shares a limit: an IPv4 address, or an IPv6 /64."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, IPV6_SITE_BITS), strict=False))
    return str(ip)
