"""Everything a GoTrue remembers, in memory."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from tests.standins.gotrue.people import User, now

TokenKind = Literal["confirmation", "recovery"]
FLOW_SECONDS = 300
LETTERS = string.ascii_lowercase + string.digits


@dataclass
class Session:
    user_id: str
    method: str
    made_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class RefreshToken:
    session_id: str
    parent: str | None
    updated_at: datetime
    revoked: bool = False
    token: str = field(default_factory=lambda: "".join(secrets.choice(LETTERS) for _ in range(12)))


@dataclass
class Flow:
    """A PKCE challenge on its way: ``method`` is what the session will have been signed in by."""

    challenge: str
    challenge_method: str
    method: str
    made_at: datetime
    redirect_to: str = ""
    user_id: str | None = None
    code_issued_at: datetime | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    code: str = field(default_factory=lambda: str(uuid4()))

    def is_expired(self) -> bool:
        """Only a magic link's five minutes begin at the click; a confirmation's began with the request."""
        began = self.code_issued_at if self.method == "magiclink" and self.code_issued_at else self.made_at
        return now() > began + timedelta(seconds=FLOW_SECONDS)


class Store:
    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.sessions: dict[str, Session] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.flows: list[Flow] = []
        self.one_time: dict[str, tuple[TokenKind, str]] = {}

    def find_user(self, email: str) -> User | None:
        return next((user for user in self.users.values() if user.email == email.lower()), None)

    def put_token(self, user: User, kind: TokenKind, token_hash: str) -> None:
        """One live token for each kind: the older link dies."""
        self.clear_tokens(user, kind)
        self.one_time[token_hash] = (kind, user.id)

    def clear_tokens(self, user: User, kind: TokenKind | None = None) -> None:
        kept = self.one_time.items()
        self.one_time = {key: at for key, at in kept if at[1] != user.id or (kind is not None and at[0] != kind)}

    def end_sessions(self, user_id: str, *, only: str | None = None, but: str | None = None) -> None:
        gone = {
            session.id
            for session in self.sessions.values()
            if session.user_id == user_id and session.id != but and only in (None, session.id)
        }
        self.sessions = {key: session for key, session in self.sessions.items() if key not in gone}
        tokens = self.refresh_tokens.items()
        self.refresh_tokens = {key: token for key, token in tokens if token.session_id not in gone}

    def let_pass(self, seconds: float) -> None:
        """Moves what has happened into the past, so that new tokens keep to everybody else's time."""
        gone = timedelta(seconds=seconds)
        for user in self.users.values():
            user.times = {name: moment - gone for name, moment in user.times.items()}
        for token in self.refresh_tokens.values():
            token.updated_at -= gone
        for flow in self.flows:
            flow.made_at -= gone
            flow.code_issued_at = flow.code_issued_at and flow.code_issued_at - gone

    def delete_user(self, user: User) -> None:
        self.end_sessions(user.id)
        self.clear_tokens(user)
        self.flows = [flow for flow in self.flows if flow.user_id != user.id]
        del self.users[user.id]


def set_password(store: Store, user: User, password: str, *, keep_session: str | None) -> None:
    """Links on their way and other sessions end with the old password."""
    user.password = password or None
    user.confirmation_token = user.recovery_token = ""
    for name in ("confirmation_sent_at", "recovery_sent_at"):
        user.times.pop(name, None)
    store.clear_tokens(user)
    store.end_sessions(user.id, but=keep_session)
