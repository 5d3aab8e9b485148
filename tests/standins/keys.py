"""The keys of a project: its two API keys in either style, and what its tokens are signed with.

Legacy keys are HS256 tokens with a ``role`` claim and no ``sub``; new ones are opaque, and only the gateway knows which
role they mean (Supabase, *API keys*). Access tokens are ES256, or HS256 in projects that never changed over.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

import jwt

from tests.signing import Signer

KeyStyle = Literal["sb", "jwt"]
Signing = Literal["ES256", "HS256"]
KEY_LIFE_SECONDS = 10 * 365 * 86_400


@dataclass(frozen=True)
class ProjectKeys:
    style: KeyStyle = "sb"
    signing: Signing = "ES256"
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(32))
    signer: Signer = field(default_factory=Signer)
    publishable_key: str = field(init=False)
    secret_key: str = field(init=False)

    def __post_init__(self) -> None:
        for name, role, kind in (("publishable_key", "anon", "publishable"), ("secret_key", "service_role", "secret")):
            opaque = f"sb_{kind}_{secrets.token_urlsafe(22)[:22]}_{secrets.token_hex(4)}"
            object.__setattr__(self, name, opaque if self.style == "sb" else self.role_token(role))

    @property
    def jwks(self) -> dict[str, Any]:
        """What the project publishes: never the HS256 secret."""
        return {"keys": [self.signer.jwk] if self.signing == "ES256" else []}

    def sign(self, claims: dict[str, Any]) -> str:
        """An access token with exactly these claims."""
        if self.signing == "HS256":
            return jwt.encode(claims, self.jwt_secret, algorithm="HS256")
        return self.signer.sign(claims)

    def role_token(self, role: str) -> str:
        """What an API key of that role means to PostgREST and Auth."""
        now = int(time.time())
        claims = {"iss": "supabase", "role": role, "iat": now, "exp": now + KEY_LIFE_SECONDS}
        return jwt.encode(claims, self.jwt_secret, algorithm="HS256")

    def user_token(self, user_id: UUID, *, lives: float = 600, **changed: Any) -> str:
        """A signed-in person's access token, unless ``changed`` says otherwise; a claim of None is left out."""
        now = int(time.time())
        claims = {
            "sub": str(user_id),
            "aud": "authenticated",
            "role": "authenticated",
            "session_id": str(uuid4()),
            "aal": "aal1",
            "is_anonymous": False,
            "iat": now,
            "exp": int(now + lives),
            **changed,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})
