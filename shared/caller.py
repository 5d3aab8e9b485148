"""Who is asking: a bearer token, or the session cookie under the Origin rule; or another service.

The rule (docs/protocol.md, Everywhere): cookies count on unsafe methods and on the socket handshake only with an
allowed ``Origin``; a missing one is refused, because only browsers hold cookies and they always send it there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from flask import Flask, current_app, g, request

from shared.errors import NotAuthenticated, OriginNotAllowed

ACCESS_COOKIE = "pulse_access"
REFRESH_COOKIE = "pulse_refresh"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person: ``issued_at`` and ``expires_at`` are Unix seconds of the access token."""

    user_id: UUID
    session_id: str
    issued_at: float
    expires_at: float


class Headers(Protocol):
    """What a request's headers, its cookies and a plain dict have in common."""

    def get(self, name: str, default: str, /) -> str: ...


class Verifier(Protocol):
    def verify(self, token: str) -> Caller:
        """Raises NotAuthenticated, or Unavailable while no keys are known."""

    def verify_at_once(self, token: str) -> Caller:
        """The same without waiting, for keys or for anything. Raises NotAuthenticated."""


class Identity:
    """What an app needs to know who asks; kept in ``app.extensions['pulse.identity']``."""

    def __init__(self, verifier: Verifier, origins: tuple[str, ...], service_token: str) -> None:
        self.verifier = verifier
        self.origins = frozenset(origins)
        self._service_token = service_token.encode()

    def install(self, app: Flask) -> None:
        app.extensions["pulse.identity"] = self

    def identify(
        self, headers: Headers, cookies: Headers, *, unsafe: bool, verify: Callable[[str], Caller] | None = None
    ) -> Caller:
        """``verify``: another than the verifier's own. Raises NotAuthenticated or OriginNotAllowed."""
        verify = verify or self.verifier.verify
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            return verify(token.strip())
        cookie = cookies.get(ACCESS_COOKIE, "")
        if not cookie:
            raise NotAuthenticated()
        if unsafe:
            self.check_origin(headers.get("Origin", ""))
        return verify(cookie)

    def check_origin(self, origin: str) -> None:
        """Raises OriginNotAllowed unless ``origin`` is one of this installation's pages."""
        if origin not in self.origins:
            raise OriginNotAllowed()

    def is_service(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._service_token)


def identity() -> Identity:
    found: Identity = current_app.extensions["pulse.identity"]
    return found


def require_caller() -> Caller:
    """The signed-in person of this request. Raises NotAuthenticated or OriginNotAllowed."""
    caller = identity().identify(request.headers, request.cookies, unsafe=request.method not in SAFE_METHODS)
    g.user_id = caller.user_id  # the request's log line names it
    return caller


def require_service() -> None:
    """Raises NotAuthenticated unless another service is asking."""
    if not identity().is_service(request.headers):
        raise NotAuthenticated("This address is for the services of this installation.")
