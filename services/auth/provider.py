"""The port to whoever knows people's identities; ``builtin/`` is the adapter that needs nothing but Postgres.

A provider decides who somebody is and keeps their sessions. Pages, cookies, limits, mail and revocations are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from shared.errors import NotAllowed, NotAuthenticated


class LinkExpired(NotAllowed):
    """One error for wrong, used and expired: it must not tell which."""

    code, message = "link_expired", "This link or code has been used, has expired or is wrong. Ask for a new one."


class SessionOver(NotAuthenticated):
    code, message = "session_over", "This session has ended. Sign in again."


class RefreshReused(SessionOver):
    """Somebody else used this token's successor: the whole family has been ended."""

    def __init__(self, session_id: str, user_id: str) -> None:
        self.session_id, self.user_id = session_id, user_id
        super().__init__()


@dataclass(frozen=True)
class SignIn:
    """A session's newest tokens. ``user`` is a wire User for self; times are Unix seconds and seconds from now."""

    user: dict[str, Any]
    session_id: str
    access_token: str
    expires_at: int
    refresh_token: str
    refresh_seconds: int


@dataclass(frozen=True)
class PendingLink:
    """A link that would still work; what the provider can't know is None."""

    email: str | None
    requested_by: str | None
    age_seconds: int | None


@dataclass(frozen=True)
class SignedOut:
    session_id: str
    user_id: str


Scope = Literal["local", "global"]


class AuthProvider(Protocol):
    def request_link(self, email: str, redirect_to: str, requested_by: str | None) -> None:
        """Mails a link and a code, or does not; no caller may learn which."""

    def find_link(self, token: str) -> PendingLink | None:
        """What a link would sign in; consumes nothing."""

    def confirm_link(self, token: str) -> SignIn:
        """Raises LinkExpired."""

    def confirm_code(self, email: str, code: str) -> SignIn:
        """Raises LinkExpired."""

    def refresh(self, refresh_token: str) -> SignIn:
        """Raises SessionOver or RefreshReused."""

    def sign_out(self, *, session_id: str | None, refresh_token: str | None, scope: Scope) -> SignedOut | None:
        """Ends a session, or all of its owner's, with a revocation. None when there was nothing to end."""

    def create_account(self, email: str, name: str) -> UUID:
        """The id of the account of an address, made if need be. Raises Unavailable."""

    def rename_account(self, user_id: UUID, name: str) -> None:
        """Tells the provider, if it wants to know. Raises Unavailable."""

    def delete_account(self, user_id: UUID) -> None:
        """Removes an account with its sessions; one that has gone is no error. Raises Unavailable."""

    def public_keys(self) -> list[dict[str, Any]]:
        """The JWKS' keys."""

    def check_ready(self) -> None:
        """Raises Unavailable, saying why, when nobody could sign in now."""
