"""Changing a password while signed in, and the mail that tells of a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.auth.addresses import to_ascii_domain
from services.auth.mail.mailer import Mailer
from services.auth.mail.message import PasswordChangedMail
from services.auth.provider import Asker, InvalidCredentials, WrongPassword
from services.auth.settings import AuthSettings
from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.gotrue import GoTrue
from services.auth.supabase.passwords import Passwords, check_bytes
from services.auth.supabase.sessions import Sessions
from shared.caller import Caller
from shared.database import Database
from shared.errors import NotAllowed, TooManyRequests

CHANGE_SECONDS = 60  # longer than GoTrue may take


class PasswordChanges:
    """``mailer`` None: the project's own *Password changed* notification tells of it, where it is switched on."""

    def __init__(
        self,
        settings: AuthSettings,
        database: Database,
        gotrue: GoTrue,
        passwords: Passwords,
        sessions: Sessions,
        mailer: Mailer | None,
    ) -> None:
        self._login_url = settings.public_url + "/login"
        self._database = database
        self._gotrue = gotrue
        self._passwords = passwords
        self._sessions = sessions
        self._mailer = mailer

    def change(
        self, caller: Caller, email: str, access_token: str, current: str | None, password: str, asker: Asker
    ) -> list[str]:
        """The ids of the sessions it ended. Raises WrongPassword, Malformed for a weak one, or TooManyRequests."""
        check_bytes(password)
        user_id = str(caller.user_id)
        with self._alone(user_id):
            if self._passwords.has_own(user_id):
                self._check(email, current, asker)
            try:
                self._gotrue.client(asker).set_password(access_token, password, current)
            except FAILURES as error:
                raise translate(error) from error
            ended = self._sessions.end_others(caller)
            self._passwords.note_own(user_id)
        self.tell(email)
        return ended

    def tell(self, email: str) -> None:
        if self._mailer is not None:
            self._mailer.send(PasswordChangedMail(to=email, link=self._login_url))

    @contextmanager
    def _alone(self, user_id: str) -> Iterator[None]:
        """GoTrue compares and sets in two calls: of two changes at once both would find the old password right."""
        bucket = f"password-change-of:{user_id}"
        permit = self._database.call("take_permit", bucket=bucket, permits=1, window_seconds=CHANGE_SECONDS)
        if not permit["allowed"]:
            raise TooManyRequests(retry_after_seconds=1)
        try:
            yield
        finally:
            self._database.call("return_permit", bucket=bucket)

    def _check(self, email: str, current: str | None, asker: Asker) -> None:
        """GoTrue compares only by opening a session, which is ended again. Raises WrongPassword."""
        if current is None:
            raise WrongPassword()
        try:
            opened = self._gotrue.client(asker).sign_in_with_password(
                {"email": to_ascii_domain(email), "password": current}
            )
        except FAILURES as error:
            found = translate(error, InvalidCredentials)
            raise WrongPassword() if isinstance(found, (InvalidCredentials, NotAllowed)) else found from error
        if opened.session is not None:
            self._sessions.end_at_gotrue(opened.session.access_token)
