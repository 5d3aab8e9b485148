"""No pre-hijacked accounts: a password counts only when whoever set it also had the mail.

GoTrue keeps the password of the first sign-up of an address that nobody has confirmed, and leaves it in place when the
address is confirmed by any later link or code (supabase/auth, signup.go: "do not update the user"; verify.go:
signupVerify). So a stranger could sign up with somebody's address and wait. Here each account is marked with the
request that made it; when an address is confirmed by another one, that password is replaced.
"""

from __future__ import annotations

import base64
import hmac
import secrets

import structlog
from cryptography.fernet import Fernet, InvalidToken
from supabase_auth.types import Session

from services.auth.addresses import to_ascii_domain
from services.auth.builtin.seals import derive
from services.auth.provider import Asker, LinkExpired
from services.auth.supabase.gotrue import GoTrue
from services.auth.supabase.requests import Request, Requests, challenge
from services.auth.supabase.sessions import Claims, address_of
from shared.database import Database

MARK = "pulse"
"""The metadata's field."""
JUST_SECONDS = 15  # GoTrue confirms an address and issues the token in one request of at most 10 s

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

    def settle(self, session: Session, request: Request | None, asker: Asker) -> Session:
        """The session to go on with: another one when the password had to be replaced, which ends all others.

        ``request`` is what the link was asked for with, None for a code. Raises what GoTrue does.
        """
        email = address_of(session.user)
        password = self._take(request)
        if email is None or (password is None and not self._is_doubtful(session, email, request, asker)):
            return session
        password = password or secrets.token_urlsafe(32) + "aA1!"
        admin = self._gotrue.admin()
        admin.update_user_by_id(session.user.id, {"password": password, "user_metadata": {MARK: None}})
        log.info("password_replaced", account=session.user.id)
        link = admin.generate_link({"type": "magiclink", "email": to_ascii_domain(email)})
        client = self._gotrue.client(asker)
        renewed = client.verify_otp({"token_hash": link.properties.hashed_token, "type": "email"}).session
        if renewed is None:
            raise LinkExpired()
        return renewed

    def _is_doubtful(self, session: Session, email: str, request: Request | None, asker: Asker) -> bool:
        confirmed_at = session.user.email_confirmed_at
        age = Claims.of(session.access_token).issued_at - confirmed_at.timestamp() if confirmed_at else 0.0
        mark = self._requests.read_mark(session.user.user_metadata.get(MARK), email)
        if mark is None:  # made elsewhere; whoever had confirmed it before has a password of their own
            return age < JUST_SECONDS
        kind, request_id, proof = mark
        if kind != "signup":  # a link's: GoTrue made the password up
            return False
        if request is not None and request.id == request_id:
            return False
        if hmac.compare_digest(challenge(asker.secret, request_id), proof):
            return False  # a code typed in the browser that set the password
        return age < JUST_SECONDS or not self._database.call("knows_user", user_id=session.user.id)["known"]

    def _take(self, request: Request | None) -> str | None:
        if request is None or request.kind != "signup":
            return None
        sealed = self._database.call("take_supabase_password", request_id=request.id)["sealed"]
        try:
            return self._box.decrypt(sealed.encode()).decode() if sealed else None
        except InvalidToken:  # AUTH_SECRET was changed
            return None
