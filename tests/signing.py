"""Access tokens as auth signs them, and the JWKS to check them by."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


class Signer:
    def __init__(self, kid: str = "key-1") -> None:
        self.kid = kid
        self.private_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.private_key.public_key()))
        return {**public, "kid": self.kid, "alg": "ES256", "use": "sig"}

    @property
    def private_jwk(self) -> dict[str, Any]:
        """With what signs: for a server that is to sign as this one."""
        private: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.private_key))
        return {**private, "kid": self.kid, "alg": "ES256", "key_ops": ["sign", "verify"]}

    def token(self, user_id: UUID, *, lives: float = 600, **changed: Any) -> str:
        """A valid token, unless ``changed`` says otherwise; a claim of None is left out."""
        now = time.time()
        claims = {
            "sub": str(user_id),
            "session_id": f"session-of-{user_id}",
            "aud": "authenticated",
            "role": "authenticated",
            "iat": now,
            "exp": now + lives,
            **changed,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.private_key, algorithm="ES256", headers={"kid": self.kid})
