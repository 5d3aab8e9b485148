"""No pre-hijacked accounts: a password counts only when whoever set it also had the mail.

GoTrue keeps the password of the first sign-up of an address that nobody has confirmed, and leaves it in place when the
address is confirmed by any later link or code (supabase/auth, signup.go: "do not update the user"; verify.go:
signupVerify). So a stranger could sign up with somebody's address and wait. Here each account is marked with the
request that made it; whoever comes in for the first time by another one, or by that one in another browser, gets that
password replaced, and the name said with it forgotten. Until somebody has come in, no password counts: GoTrue also
confirms an address for a mail scanner, or for whoever asks it past our pages.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import Literal

import structlog
from cryptography.fernet import Fernet, InvalidToken
from supabase_auth.types import AdminUserAttributes, Session

from services.auth.provider import Asker, LinkExpired
from services.auth.seals import derive
from services.auth.supabase.gotrue import GoTrue
from services.auth.supabase.requests import Request, Requests, challenge
from services.auth.supabase.sessions import Claims, address_of
from shared.database import Database
from shared.errors import Malformed

BYTES = 72  # bcrypt looks at no more
MARK = "pulse"
"""The metadata's field."""
SetBy = Literal["owner", "stranger", "GoTrue", "anybody"]
"""Who set the password of somebody that just showed the mail: GoTrue makes one up for who came by link, and whose it is
that was settled before, does not matter any more."""
REVOKED_SECONDS = 2.0  # a revocation spares the tokens of this second and the last: iat is a whole one

log = structlog.get_logger()


class Passwords:
    def __init__(self, secret: str, database: Database, gotrue: GoTrue, requests: Requests) -> None:
        self._database = database
        self._gotrue = gotrue
        self._requests = requests
        self._box = Fernet(base64.urlsafe_b64encode(derive(secret, b"pulse passwords to come")))

    def keep_until_confirmed(self, request: Request, password: str) -> None:
        """For an address that waits for confirmation already: GoTrue did not take this password."""
        self._database.call(
            "keep_supabase_password", request_id=request.id, sealed=self._box.encrypt(password.encode()).decode()
        )

    def settle(self, session: Session, request: Request | None, asker: Asker) -> tuple[Session, bool]:
        """The session to go on with, and whether its owner just got a password of their own.

        It is another session when the password had to be replaced, which ends all others. ``request`` is what the link
        was asked for with, None for a code. Raises what GoTrue does.
        """
        email = address_of(session.user)
        if email is None:
            return session, False
        password = self._take(request, asker)
        set_by = self._set_by(session, email, request, asker)
        if password is None and set_by != "stranger":
            return session, set_by == "owner"
        return self._change(session, password, asker, forget_name=set_by == "stranger"), password is not None

    def reset(self, session: Session, password: str, asker: Asker) -> Session:
        """As its owner wants it, who has shown the mail: the session to go on with. Raises what GoTrue does."""
        return self._change(session, password, asker, forget_name=not self.is_known(session.user.id))

    def _change(self, session: Session, password: str | None, asker: Asker, *, forget_name: bool) -> Session:
        """Replaces it, ends all sessions of the person, and opens another one. Raises what GoTrue does."""
        self.replace(session.user.id, password, forget_name=forget_name)
        self._revoke(session)
        link = self._gotrue.admin().generate_link({"type": "magiclink", "email": session.user.email or ""})
        client = self._gotrue.client(asker)
        renewed = client.verify_otp({"token_hash": link.properties.hashed_token, "type": "email"}).session
        if renewed is None:
            raise LinkExpired()
        return renewed

    def has_own(self, user_id: str) -> bool:
        """Whether they are known to have chosen one, as GoTrue does not tell."""
        return bool(self._database.call("has_supabase_password", user_id=user_id)["known"])

    def note_own(self, user_id: str) -> None:
        self._database.call("note_supabase_password", user_id=user_id)

    def is_known(self, user_id: str) -> bool:
        """Whether they have come in before, or were made by an admin: then the password is settled."""
        return bool(self._database.call("knows_user", user_id=user_id)["known"])

    def replace(self, user_id: str, password: str | None = None, *, forget_name: bool = False) -> None:
        """By one that nobody knows, if none is given; the address counts as confirmed. Raises what GoTrue does.

        ``forget_name``: it is as much a stranger's as the password was.
        """
        changes: AdminUserAttributes = {
            "password": password or secrets.token_urlsafe(32) + "aA1!",
            "email_confirm": True,
            "user_metadata": {MARK: None, **({"name": None} if forget_name else {})},
        }
        self._gotrue.admin().update_user_by_id(user_id, changes)
        log.info("password_replaced", account=user_id)

    def _revoke(self, session: Session) -> None:
        """GoTrue has ended the sessions that the old password opened; their access tokens would count on."""
        time.sleep(REVOKED_SECONDS)
        claims = Claims.of(session.access_token)
        self._database.call(
            "end_supabase_session",
            session_id=claims.session_id,
            user_id=session.user.id,
            refresh_hash=None,
            token_expires_at=claims.expires_at,
            everywhere=True,
        )
        self._database.call("note_supabase_session_told", session_id=claims.session_id, everywhere=True)

    def _set_by(self, session: Session, email: str, request: Request | None, asker: Asker) -> SetBy:
        mark = self._requests.read_mark(session.user.user_metadata.get(MARK), email)
        if mark is not None:
            kind, request_id, proof = mark
            if kind != "signup":
                return "GoTrue"
            if hmac.compare_digest(challenge(asker.secret, request_id), proof):
                return "owner"  # a link opened, or a code typed, in the browser that set the password
            if request is not None and request.id == request_id and not asker.is_browser:
                return "owner"
        return "anybody" if self.is_known(session.user.id) else "stranger"

    def _take(self, request: Request | None, asker: Asker) -> str | None:
        if request is None or request.kind != "signup":
            return None
        sealed = self._database.call("take_supabase_password", request_id=request.id)["sealed"]
        if asker.is_browser and not request.is_asked_by(asker.secret):
            return None
        try:
            return self._box.decrypt(sealed.encode()).decode() if sealed else None
        except InvalidToken:  # AUTH_SECRET was changed
            return None


def check_bytes(password: str) -> None:
    """Raises Malformed for one that GoTrue would not look at to its end."""
    if len(password.encode()) > BYTES:
        raise Malformed(fields=[{"field": "password", "problem": f"must be at most {BYTES} bytes"}])
