"""Sessions that GoTrue opens, as Pulse keeps them: recorded when they are handed out, over when either side says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from supabase_auth.types import Session, User

from services.auth.addresses import normalise_email
from services.auth.names import choose_name
from services.auth.provider import (
    Asker,
    EmailNotConfirmed,
    NotInvited,
    RefreshReused,
    Scope,
    SessionOver,
    SignedOut,
    SignIn,
)
from services.auth.seals import hash_token
from services.auth.settings import DAY_SECONDS, AuthSettings
from services.auth.supabase.ending import Ending
from services.auth.supabase.errors import FAILURES, translate
from services.auth.supabase.gotrue import GoTrue
from shared.caller import Caller
from shared.database import Contention, Database, OutcomeUnknown
from shared.errors import AppError, Unavailable

KEEP_TRIES = 3


@dataclass(frozen=True)
class Claims:
    """Of an access token that came from GoTrue itself a moment ago; Unix seconds."""

    session_id: str
    issued_at: int
    expires_at: int

    @classmethod
    def of(cls, access_token: str) -> Claims:
        """Raises Unavailable for a token that is none."""
        try:
            claims = jwt.decode(access_token, options={"verify_signature": False})
            return cls(str(claims["session_id"]), int(claims["iat"]), int(claims["exp"]))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise Unavailable("Sign-in is not answering. Try again in a moment.") from error


def address_of(user: User) -> str | None:
    """In our spelling; GoTrue has domains in ASCII, and takes addresses that we do not."""
    try:
        return normalise_email(user.email or "")
    except ValueError:
        return None


class Sessions:
    def __init__(self, settings: AuthSettings, database: Database, gotrue: GoTrue) -> None:
        self._database = database
        self._gotrue = gotrue
        self._policy = settings.signup_policy
        self._idle_seconds = settings.session_idle_days * DAY_SECONDS
        self._session_seconds = settings.session_days * DAY_SECONDS
        self._ending = Ending(database, gotrue)

    def keep(self, session: Session) -> SignIn:
        """Records a session that was opened or refreshed; one that may not be is ended at GoTrue too.

        Raises NotInvited, EmailNotConfirmed, SessionOver, or what the database refuses.
        """
        claims = Claims.of(session.access_token)
        try:
            answer = self._record(session, claims)
        except Unavailable:
            raise
        except AppError:
            self._ending.by_access_token(session.access_token, session.refresh_token, claims.session_id)
            raise
        return SignIn(
            user=answer["user"],
            session_id=claims.session_id,
            access_token=session.access_token,
            expires_at=claims.expires_at,
            refresh_token=session.refresh_token,
            refresh_seconds=int(answer["refresh_seconds"]),
        )

    def _record(self, session: Session, claims: Claims) -> dict[str, Any]:
        user, email = session.user, address_of(session.user)
        if email is None or user.email_confirmed_at is None or user.is_anonymous:
            raise EmailNotConfirmed()
        newcomer = self._policy.meet(email).as_json()
        newcomer["may_join"] = newcomer["may_join"] or user.invited_at is not None
        newcomer["name"] = choose_name(user.user_metadata, email)
        answer: dict[str, Any] = self._repeat(
            lambda: self._database.call(
                "keep_supabase_session",
                session_id=claims.session_id,
                user_id=user.id,
                email=email,
                newcomer=newcomer,
                refresh_hash=hash_token(session.refresh_token),
                token_expires_at=claims.expires_at,
                idle_seconds=self._idle_seconds,
                session_seconds=self._session_seconds,
            )
        )
        if answer["outcome"] == "not_invited":
            raise NotInvited()
        if answer["outcome"] != "kept":
            raise SessionOver()
        return answer

    def refresh(self, refresh_token: str, asker: Asker) -> SignIn:
        """Raises SessionOver, RefreshReused, TooManyRequests or Unavailable."""
        known = self._database.call("find_supabase_session", refresh_hash=hash_token(refresh_token))
        if known and known["is_over"]:
            self._ending.remind(refresh_token, known["session_id"])
            raise SessionOver()
        try:
            session = self._gotrue.client(asker).refresh_session(refresh_token).session
        except FAILURES as error:
            found = translate(error, SessionOver)
            if known and getattr(error, "code", None) == "refresh_token_already_used":
                self._end(session_id=known["session_id"], user_id=known["user_id"])
                self._ending.note(known["session_id"])
                raise RefreshReused(known["session_id"], known["user_id"]) from error
            # A banned person's session is over; that it is a ban is not for whoever holds the token.
            raise (found if isinstance(found, Unavailable) or found.status == 429 else SessionOver()) from error
        if session is None:
            raise SessionOver()
        return self.keep(session)

    def sign_out(
        self, caller: Caller | None, access_token: str | None, refresh_token: str | None, scope: Scope
    ) -> SignedOut | None:
        """Ours first: from this commit on it counts here, whether GoTrue can be told now or not."""
        everywhere = scope == "global"
        if caller is not None and access_token is not None:
            ended = self._end(
                session_id=caller.session_id,
                user_id=caller.user_id,
                token_expires_at=caller.expires_at,
                everywhere=everywhere,
            )
            self._ending.by_access_token(access_token, None, caller.session_id, scope)
        elif refresh_token is not None:
            ended = self._end(refresh_hash=hash_token(refresh_token), everywhere=everywhere)
            self._ending.by_refresh_token(refresh_token, ended["session_id"] if ended else None, scope)
        else:
            return None
        return SignedOut(**ended) if ended else None

    def end_others(self, caller: Caller) -> list[str]:
        """Of a person whose password GoTrue has just changed, which ended them there: their ids."""
        ended: list[str] = self._repeat(
            lambda: self._database.call(
                "end_other_supabase_sessions", user_id=caller.user_id, kept_session=caller.session_id
            )
        )["ended"]
        return ended

    def end_at_gotrue(self, access_token: str) -> None:
        """A session that was opened and may not come in: soon, in the background."""
        self._ending.by_access_token(access_token, None, None)

    def close(self, seconds: float) -> None:
        self._ending.close(seconds)

    def _end(self, **by: Any) -> dict[str, str] | None:
        arguments = {
            "session_id": None,
            "user_id": None,
            "refresh_hash": None,
            "token_expires_at": None,
            "everywhere": False,
            **by,
        }
        ended: dict[str, str] | None = self._repeat(lambda: self._database.call("end_supabase_session", **arguments))
        return ended

    @staticmethod
    def _repeat(call: Callable[[], Any]) -> Any:
        """Calls that may be repeated, where nobody knows whether they were heard, or others were in the way."""
        for _ in range(KEEP_TRIES - 1):
            try:
                return call()
            except (OutcomeUnknown, Contention):
                continue
        return call()
