"""Whether a session that GoTrue opened may come in, by how it was opened; its password is settled before."""

from __future__ import annotations

from collections.abc import Callable

from supabase_auth.types import AuthResponse, Session

from services.auth.provider import Asker, InvalidCredentials, LinkExpired, SignIn
from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.passwords import Passwords
from services.auth.supabase.requests import Request
from services.auth.supabase.sessions import Sessions, address_of
from shared.errors import AppError, Unavailable


class Arrivals:
    """Each raises also what ``Sessions.keep`` does; a session that may not come in is ended at GoTrue."""

    def __init__(self, passwords: Passwords, sessions: Sessions) -> None:
        self._passwords = passwords
        self._sessions = sessions

    def by_mail(self, answer: AuthResponse, request: Request | None, asker: Asker) -> SignIn:
        """``request`` is what the link was asked for with, None for a code. Raises LinkExpired or Unavailable."""
        return self._settle(self._of_its_owner(answer, request), request, asker)

    def by_recovery(self, answer: AuthResponse, request: Request | None, password: str, asker: Asker) -> SignIn:
        """With a new password, whoever set the old one; all other sessions end. Raises LinkExpired or Unavailable."""
        session = self._of_its_owner(answer, request)
        return self._go_on(session, lambda: (self._passwords.reset(session, password, asker), True))

    def by_google(self, answer: AuthResponse, asker: Asker) -> SignIn:
        """GoTrue drops a password nobody had confirmed, but not one that a mail scanner confirmed for a stranger."""
        session = _session(answer)
        made_by = {identity.provider for identity in session.user.identities or ()}
        if made_by == {"google"} or self._passwords.is_known(session.user.id):
            return self._sessions.keep(session)
        return self._settle(session, None, asker)

    def by_password(self, answer: AuthResponse) -> SignIn:
        """Never the first time: nobody can say who set it. Raises InvalidCredentials."""
        session = _session(answer)
        if not self._passwords.is_known(session.user.id):
            self._sessions.end_at_gotrue(session.access_token)
            raise InvalidCredentials()
        return self._keep(session, has_own_password=True)

    def _of_its_owner(self, answer: AuthResponse, request: Request | None) -> Session:
        session = _session(answer)
        if request and request.email and request.email != address_of(session.user):
            # Somebody put another request beside this link: the page named one person, it signs in another.
            self._sessions.end_at_gotrue(session.access_token)
            raise LinkExpired()
        return session

    def _settle(self, session: Session, request: Request | None, asker: Asker) -> SignIn:
        return self._go_on(session, lambda: self._passwords.settle(session, request, asker))

    def _go_on(self, session: Session, settle: Callable[[], tuple[Session, bool]]) -> SignIn:
        try:
            settled, has_own_password = settle()
        except (*FAILURES, AppError) as error:
            self._sessions.end_at_gotrue(session.access_token)
            raise error if isinstance(error, AppError) else translate(error, LinkExpired) from error
        return self._keep(settled, has_own_password=has_own_password)

    def _keep(self, session: Session, *, has_own_password: bool) -> SignIn:
        sign_in = self._sessions.keep(session)
        if has_own_password:
            self._passwords.note_own(sign_in.user["id"])
        return sign_in


def _session(answer: AuthResponse) -> Session:
    if answer.session is None:
        raise Unavailable("Sign-in is not answering. Try again in a moment.")
    return answer.session
