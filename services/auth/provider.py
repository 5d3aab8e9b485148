"""The port to whoever knows people's identities: ``builtin/`` needs nothing but Postgres, ``supabase/`` asks GoTrue.

A provider decides who somebody is and keeps their sessions. Pages, cookies, limits, mail and revocations are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from shared.caller import Caller
from shared.errors import BadRequest, NotAllowed, NotAuthenticated, NotFound


class LinkExpired(NotAllowed):
    """One error for wrong, used and expired: it must not tell which."""

    code, message = "link_expired", "This link or code has been used, has expired or is wrong. Ask for a new one."


class InvalidCredentials(NotAuthenticated):
    """One error for a wrong password and an unknown address."""

    code, message = "invalid_credentials", "This address and this password do not go together."


class WrongPassword(NotAllowed):
    """Whoever is signed in did not say the password they have."""

    code, message = "wrong_password", "The current password is missing or wrong."


class EmailNotConfirmed(NotAllowed):
    code, message = "email_not_confirmed", "This address is not confirmed yet. Open the link that was mailed to it."


class NotInvited(NotAllowed):
    code, message = "not_invited", "This address has not been invited."


class OtherBrowser(NotAllowed):
    """A link with a PKCE code counts only in the browser that asked for it."""

    code, message = "other_browser", "Open the link in the browser where you asked for it, or type the code there."


class LinkIncomplete(BadRequest):
    """The mail template puts the tokens after a #, which no server sees (docs/supabase-auth.md)."""

    code, message = "link_incomplete", "This link holds nothing to sign in with: the mail template needs changing."


class SignInRefused(NotAllowed):
    code, message = "sign_in_refused", "The other service did not sign you in."


class OtherIdentity(NotAllowed):
    """An address may pass to somebody else there; who is known here by it does not."""

    code, message = "other_identity", "This address signs in with another account of that service. Use a mailed link."


class NotOffered(NotFound):
    code, message = "not_offered", "This installation does not offer that way to sign in."


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
class Asker:
    """Who asks to be signed in: network address, browser in words, and the secret that its cookie keeps."""

    address: str | None
    browser: str | None
    secret: str
    is_browser: bool = True
    """Else somebody's program, which knows what it asked for."""


PasswordAtStake = Literal["chosen", "elsewhere", "new"]
"""What a link does to a password: makes the one chosen at sign-up count, does not because that was in another browser,
or asks for a new one (recovery)."""


@dataclass(frozen=True)
class PendingLink:
    """A link that would still work; what the provider can't know is None."""

    email: str | None
    requested_by: str | None
    age_seconds: int | None
    sets: PasswordAtStake | None = None


@dataclass(frozen=True)
class SignedOut:
    session_id: str
    user_id: str


Scope = Literal["local", "global"]


class AuthProvider(Protocol):
    code_digits: int
    offers_password: bool
    remembers_browsers: bool
    """Whether the askers' secrets matter."""
    sends_browsers_back: bool
    """To ``/auth/callback``."""

    @property
    def offers_google(self) -> bool:
        """Whether people may sign in with Google here."""

    def request_link(self, email: str, redirect_to: str, asker: Asker) -> None:
        """Mails a link and a code, or does not; no caller may learn which."""

    def invite(self, email: str, redirect_to: str, inviter: str | None) -> None:
        """Mails a link to whoever an admin, called ``inviter``, has made an account for."""

    def find_link(self, token: str, redirect_to: str, kind: str, asker: Asker) -> PendingLink | None:
        """What a link would do in the asker's browser, by its parameters (``kind`` is its ``type``).

        Consumes nothing.
        """

    def find_target(self, redirect_to: str | None) -> str | None:
        """Where whoever asked for a link with this ``redirect_to`` wanted to go."""

    def confirm_link(self, token: str, redirect_to: str | None, asker: Asker) -> SignIn:
        """Raises LinkExpired, also for a link to a new password."""

    def confirm_code(self, email: str, code: str, asker: Asker) -> SignIn:
        """Raises LinkExpired."""

    def sign_in_with_password(self, email: str, password: str, asker: Asker) -> SignIn:
        """Raises InvalidCredentials, also for whoever has not confirmed or is banned, or NotOffered."""

    def sign_up(self, email: str, password: str, name: str | None, redirect_to: str, asker: Asker) -> None:
        """Mails a confirmation, or whatever fits the address; no caller may learn which.

        Password and name count if the mail's link or code is used in the same browser, or by no browser.

        Raises Malformed for a weak password, or NotOffered.
        """

    def request_reset(self, email: str, redirect_to: str, asker: Asker) -> None:
        """Mails a link to set a new password by, or does not; no caller may learn which."""

    def confirm_recovery(
        self, token: str, redirect_to: str | None, password: str, asker: Asker
    ) -> tuple[SignIn, list[str]]:
        """Sets the password by such a link: a session, and the ids of those it ended.

        Raises LinkExpired, or Malformed for a weak password, which uses nothing up.
        """

    def change_password(
        self, caller: Caller, email: str, access_token: str, current: str | None, password: str, asker: Asker
    ) -> list[str]:
        """Sets the caller's password: the ids of their other sessions, which it ended. ``email`` is the caller's.

        Raises WrongPassword when they have one and ``current`` is not it, or Malformed for a weak one.
        """

    def google_url(self, redirect_to: str, asker: Asker) -> str:
        """Where a browser begins to sign in with Google. Raises NotOffered, or Unavailable."""

    def sign_in_with_google(self, id_token: str, nonce: str | None, asker: Asker) -> SignIn:
        """Raises SignInRefused, EmailNotConfirmed, OtherIdentity, NotInvited, NotOffered or Unavailable."""

    def leads_to_google(self, request: str) -> bool:
        """Whether that is where a browser with this ``request`` comes back from."""

    def exchange_code(self, code: str, request: str, asker: Asker) -> tuple[SignIn, str]:
        """The session of a browser that was sent back with a code, and where it wanted to go.

        ``request`` is what the provider sealed into the address. Raises LinkExpired, OtherBrowser or NotOffered, and
        what ``sign_in_with_google`` does.
        """

    def refresh(self, refresh_token: str, asker: Asker) -> SignIn:
        """Raises SessionOver or RefreshReused."""

    def sign_out(
        self, *, caller: Caller | None, access_token: str | None, refresh_token: str | None, scope: Scope
    ) -> SignedOut | None:
        """Ends a session, or all of its owner's, with a revocation. None when there was nothing to end.

        By the caller of a verified access token, or by a refresh token.
        """

    def create_account(self, email: str, name: str) -> UUID:
        """The id of the account of an address, made if need be. Raises Malformed, TooManyRequests or Unavailable."""

    def rename_account(self, user_id: UUID, name: str) -> None:
        """Tells the provider, if it wants to know: soon, or not at all, as nothing here shows its name."""

    def delete_account(self, user_id: UUID) -> None:
        """Removes an account with its sessions; one that has gone is no error. Raises Unavailable."""

    def public_keys(self) -> list[dict[str, Any]]:
        """The JWKS' keys."""

    def check_ready(self) -> None:
        """Raises Unavailable, saying why, when nobody could sign in now."""
