"""Accounts that admins make and remove, at GoTrue."""

from __future__ import annotations

from uuid import UUID

import structlog
from supabase_auth.errors import AuthApiError
from supabase_auth.types import AdminUserAttributes

from services.auth.addresses import to_ascii_domain
from services.auth.background import Background
from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.gotrue import GoTrue
from services.auth.supabase.passwords import Passwords
from shared.errors import Malformed, Unavailable

PAGE = 1_000
QUEUED_NAMES = 1_000

log = structlog.get_logger()


class Accounts:
    def __init__(self, gotrue: GoTrue, passwords: Passwords) -> None:
        self._gotrue = gotrue
        self._passwords = passwords
        self._background = Background("supabase accounts", QUEUED_NAMES)

    def create(self, email: str, name: str) -> UUID:
        """The id of an address's account, made if need be. Raises Malformed, TooManyRequests or Unavailable.

        A new one counts as confirmed: whoever signs in has to have a mail, and to an account that is not confirmed
        GoTrue sends none where sign-ups are switched off.
        """
        email = to_ascii_domain(email)
        try:
            return self._create(email, name)
        except FAILURES as error:
            if getattr(error, "code", None) == "email_exists":
                return self._take_over(email)
            raise translate(error, Malformed) from error

    def _create(self, email: str, name: str) -> UUID:
        """Raises FAILURES."""
        wanted: AdminUserAttributes = {"email": email, "email_confirm": True, "user_metadata": {"name": name}}
        try:
            return UUID(self._gotrue.admin().create_user(wanted).user.id)
        except AuthApiError as error:
            if error.code != "unexpected_failure":
                raise
            # Also of an address that another request is just making an account for: by now it knows.
            return UUID(self._gotrue.admin().create_user(wanted).user.id)

    def rename(self, user_id: UUID, name: str) -> None:
        """Soon, or not at all."""
        self._background.submit(lambda: self._rename(user_id, name))

    def _rename(self, user_id: UUID, name: str) -> None:
        try:
            self._gotrue.background.admin().update_user_by_id(str(user_id), {"user_metadata": {"name": name}})
        except FAILURES as error:
            log.warning("account_not_renamed", account=str(user_id), cause=type(error).__name__)

    def close(self, seconds: float) -> None:
        """Waits for what is queued."""
        self._background.close(seconds)

    def delete(self, user_id: UUID) -> None:
        """One that has gone is no error. Raises Unavailable."""
        try:
            self._gotrue.admin().delete_user(str(user_id))
        except FAILURES as error:
            if getattr(error, "code", None) != "user_not_found":
                raise translate(error) from error

    def _take_over(self, email: str) -> UUID:
        """An account somebody made before: it becomes as a new one is, as its password may be a stranger's."""
        try:
            account = self._find(email)
            if not self._passwords.is_known(account):
                self._passwords.replace(account)
        except FAILURES as error:
            raise translate(error) from error
        return UUID(account)

    def _find(self, email: str) -> str:
        """GoTrue can't be asked for an address without side effects on its links: page by page. Raises FAILURES."""
        page = 1
        while users := self._gotrue.admin().list_users(page, PAGE):
            for user in users:
                if (user.email or "").lower() == email:
                    return user.id
            page += 1
        raise Unavailable()
