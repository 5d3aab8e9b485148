"""ES256 keys that every auth process shares through the database, and the access tokens made with them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from services.auth.seals import Seals, WrongSecret
from shared.database import Database
from shared.errors import Unavailable
from shared.tokens import AUDIENCE

REREAD_SECONDS = 60.0  # so that a key added by another process is served and used soon


@dataclass(frozen=True)
class SigningKey:
    kid: str
    private_key: ec.EllipticCurvePrivateKey


class SigningKeys:
    """Read on first use. Raises Unavailable when AUTH_SECRET does not open them."""

    def __init__(self, database: Database, seals: Seals, issuer: str) -> None:
        self._database = database
        self._seals = seals
        self._issuer = issuer
        self._lock = threading.Lock()
        self._public: list[dict[str, Any]] = []
        self._signing: SigningKey | None = None
        self._read_at = float("-inf")

    def public_keys(self) -> list[dict[str, Any]]:
        """The JWKS' keys, newest first."""
        self._read()
        return self._public

    def sign(self, *, user_id: str, session_id: str, issued_at: float, seconds: int) -> tuple[str, int]:
        """An access token, and when it ends in Unix seconds."""
        key = self._read()
        expires_at = int(issued_at) + seconds
        claims = {
            "iss": self._issuer,
            "sub": user_id,
            "aud": AUDIENCE,
            "role": "authenticated",
            "session_id": session_id,
            "iat": issued_at,
            "exp": expires_at,
        }
        return jwt.encode(claims, key.private_key, algorithm="ES256", headers={"kid": key.kid}), expires_at

    def _read(self) -> SigningKey:
        with self._lock:
            if self._signing is None or time.monotonic() - self._read_at > REREAD_SECONDS:
                rows = self._database.call("list_signing_keys")["keys"]
                if not rows:
                    rows = self._database.call("add_first_signing_key", **_make_key(self._seals))["keys"]
                self._signing = self._open(rows[0])
                self._public = [row["public_key"] for row in rows]
                self._read_at = time.monotonic()
            return self._signing

    def _open(self, row: dict[str, Any]) -> SigningKey:
        try:
            pem = self._seals.open(row["private_key"])
        except WrongSecret as error:
            raise Unavailable(
                "AUTH_SECRET is not the one the signing keys in this database were sealed with."
            ) from error
        private_key = load_pem_private_key(pem.encode(), password=None)
        assert isinstance(private_key, ec.EllipticCurvePrivateKey)
        return SigningKey(row["kid"], private_key)


def _make_key(seals: Seals) -> dict[str, Any]:
    private_key = ec.generate_private_key(ec.SECP256R1())
    public: dict[str, Any] = ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    # RFC 7638: the required members, sorted, without spaces.
    members = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    kid = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "kid": kid,
        "public_key": {**public, "kid": kid, "alg": "ES256", "use": "sig"},
        "private_key": seals.seal(pem),
    }
