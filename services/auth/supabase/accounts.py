"""Accounts that admins make and remove, at GoTrue."""

from __future__ import annotations

from uuid import UUID

from supabase_auth.errors import AuthApiError

from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.gotrue import GoTrue
from shared.errors import Unavailable

PAGE = 1_000


class Accounts:
    def __init__(self, gotrue: GoTrue) -> None:
        self._gotrue = gotrue

    def create(self, email: str, name: str) -> UUID:
        """Of an address, made if need be; not confirmed before its owner has used a mail. Raises Unavailable."""
        admin = self._gotrue.admin()
        try:
            return UUID(admin.create_user({"email": email, "user_metadata": {"name": name}}).user.id)
        except AuthApiError as error:
            if error.code != "email_exists":
                raise translate(error) from error
            return self._find(email)
        except FAILURES as error:
            raise translate(error) from error

    def rename(self, user_id: UUID, name: str) -> None:
        try:
            self._gotrue.admin().update_user_by_id(str(user_id), {"user_metadata": {"name": name}})
        except FAILURES as error:
            raise translate(error) from error

    def delete(self, user_id: UUID) -> None:
        try:
            self._gotrue.admin().delete_user(str(user_id))
        except FAILURES as error:
            if getattr(error, "code", None) != "user_not_found":
                raise translate(error) from error

    def _find(self, email: str) -> UUID:
        """GoTrue can't be asked for an address without side effects on its links: page by page."""
        page = 1
        try:
            while users := self._gotrue.admin().list_users(page, PAGE):
                for user in users:
                    if (user.email or "").lower() == email:
                        return UUID(user.id)
                page += 1
        except FAILURES as error:
            raise translate(error) from error
        raise Unavailable()
