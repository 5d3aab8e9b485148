"""What every endpoint works with: the request's fields, the caller, sessions and their tokens."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
from flask import Response, jsonify, request
from jwt.algorithms import ECAlgorithm

from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.limits import Limits
from tests.standins.gotrue.mails import Mails
from tests.standins.gotrue.options import GotrueOptions
from tests.standins.gotrue.people import User, now
from tests.standins.gotrue.redirects import choose_redirect
from tests.standins.gotrue.store import RefreshToken, Session, Store

REFRESH_TOKEN = re.compile(r"[a-z0-9]{12}")
BEARER = re.compile(r"[Bb]earer (\S+)")
# Go's checkmail has it from the HTML specification.
LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{LABEL}(?:\.{LABEL})*")
ADMIN_ROLES = ("service_role", "supabase_admin")
MAX_PASSWORD_LENGTH = 72


class Core:
    """``lock`` is held while a request is served, except where it waits for a mail server."""

    def __init__(self, options: GotrueOptions) -> None:
        self.options = options
        self.store = Store()
        self.limits = Limits(options)
        self.mails = Mails(options)
        self.lock = threading.Lock()

    def let_pass(self, seconds: float) -> None:
        with self.lock:
            self.store.let_pass(seconds)
            self.limits.let_pass(seconds)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    def redirect_to(self) -> str:
        """A body's ``redirect_to`` does not count: it is read from a header, the query or the referrer."""
        wished = request.headers.get("redirect_to") or request.args.get("redirect_to", "")
        return choose_redirect(self.options, wished, request.headers.get("Referer", ""))

    # Callers

    def check_admin(self) -> None:
        if self._claims().get("role") not in ADMIN_ROLES:
            raise GotrueError(403, "not_admin", "User not allowed")

    def caller(self) -> tuple[User, Session | None]:
        claims = self._claims()
        if not claims.get("sub"):
            raise GotrueError(403, "bad_jwt", "invalid claim: missing sub claim")
        try:
            user = self.store.users.get(str(UUID(claims["sub"])))
        except ValueError:
            raise GotrueError(400, "bad_jwt", "invalid claim: sub claim must be a UUID") from None
        if user is None:
            raise GotrueError(403, "user_not_found", "User from sub claim in JWT does not exist")
        session = self.store.sessions.get(claims.get("session_id", ""))
        if claims.get("session_id") and session is None:
            raise GotrueError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        if user.is_banned():
            raise GotrueError(403, "user_banned", "User is banned")
        return user, session

    def _claims(self) -> dict[str, Any]:
        bearer = BEARER.fullmatch(request.headers.get("Authorization", ""))
        if bearer is None:
            raise GotrueError(401, "no_authorization", "This endpoint requires a valid Bearer token")
        keys = self.options.keys
        try:
            head = jwt.get_unverified_header(bearer[1])
            known = {key["kid"]: ECAlgorithm.from_jwk(key) for key in keys.jwks["keys"]}
            key: Any = known.get(head.get("kid")) or keys.jwt_secret
            algorithm = "ES256" if head.get("kid") in known else "HS256"
            claims: dict[str, Any] = jwt.decode(bearer[1], key, algorithms=[algorithm], options={"verify_aud": False})
        except jwt.PyJWTError as reason:
            message = f"invalid JWT: unable to parse or verify signature, {reason}"
            raise GotrueError(403, "bad_jwt", message) from None
        return claims

    # Sessions

    def start_session(self, user: User, method: str) -> Response:
        at = now()
        user.times["last_sign_in_at"] = at
        session = Session(user.id, method, at)
        self.store.sessions[session.id] = session
        return jsonify(self._pair(user, session, self._new_refresh_token(session, None)))

    def refresh(self, given: str) -> Response:
        if not REFRESH_TOKEN.fullmatch(given):
            raise invalid("Refresh token is not valid")
        at = now()
        token = self.store.refresh_tokens.get(given)
        if token is None:
            text = "Invalid Refresh Token: Refresh Token Not Found"
            raise GotrueError(400, "refresh_token_not_found", text)
        session = self.store.sessions[token.session_id]
        user = self.store.users[session.user_id]
        if user.is_banned():
            raise GotrueError(400, "user_banned", "Invalid Refresh Token: User Banned")
        family = [other for other in self.store.refresh_tokens.values() if other.session_id == session.id]
        active = [other for other in family if not other.revoked][-1:]
        if token.revoked and active and active[0].parent == given:
            # Its successor never arrived: it is given once more.
            return jsonify(self._pair(user, session, active[0]))
        if token.revoked and at > token.updated_at + timedelta(seconds=self.options.reuse_seconds):
            for other in active:
                other.revoked, other.updated_at = True, at
            raise GotrueError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        token.revoked, token.updated_at = True, at
        return jsonify(self._pair(user, session, self._new_refresh_token(session, given)))

    def _new_refresh_token(self, session: Session, parent: str | None) -> RefreshToken:
        token = RefreshToken(session.id, parent, now())
        self.store.refresh_tokens[token.token] = token
        return token

    def _pair(self, user: User, session: Session, refresh_token: RefreshToken) -> dict[str, Any]:
        issued_at = int(now().timestamp())
        expires_at = issued_at + self.options.access_token_seconds
        claims = {
            "sub": user.id,
            "aud": "authenticated",
            "iat": issued_at,
            "exp": expires_at,
            "email": user.email,
            "phone": "",
            "app_metadata": user.app_metadata,
            "user_metadata": user.user_metadata,
            "role": user.role,
            "aal": "aal1",
            "amr": [{"method": session.method, "timestamp": int(session.made_at.timestamp())}],
            "session_id": session.id,
            "is_anonymous": False,
        }
        return {
            "access_token": self.options.keys.sign(claims),
            "token_type": "bearer",
            "expires_in": self.options.access_token_seconds,
            "expires_at": expires_at,
            "refresh_token": refresh_token.token,
            "user": user.show(),
        }

    # Fields

    def check_password(self, password: str) -> None:
        if len(password.encode()) > MAX_PASSWORD_LENGTH:
            raise invalid(f"Password cannot be longer than {MAX_PASSWORD_LENGTH} characters")
        least = self.options.password_min_length
        if len(password) < least:
            text = f"Password should be at least {least} characters."
            raise GotrueError(422, "weak_password", text, ("length",))


def fields() -> dict[str, Any]:
    """The request's JSON object; a missing text reads as ""."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise GotrueError(400, "bad_json", "Could not parse request body as JSON")
    return {name: value for name, value in body.items() if value is not None}


def text(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise GotrueError(400, "bad_json", f"Could not parse request body as JSON: {name} is not a string")
    return value


def address(body: dict[str, Any]) -> str:
    given = text(body, "email")
    if not given:
        raise invalid("An email address is required")
    if len(given) > 255:
        raise invalid("An email address is too long")
    if not EMAIL.fullmatch(given):
        raise invalid("Unable to validate email address: invalid format")
    return given.lower()
