"""Who asks: PostgREST's reading of ``Authorization: Bearer``.

docs.postgrest.org, references/auth: *Bearer Authentication*, *Symmetric Keys*, *kid verification*, *Time-Based claims*.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt
from jwt import PyJWK

from tests.standins.pgrst_errors import PgrstError, bad_token

SKEW_SECONDS = 30


class Tokens:
    """``jwt-secret``: an HS256 passphrase, public keys as JWKs, or both in one set."""

    def __init__(self, secret: str | None, jwks: Mapping[str, Any]) -> None:
        self._secret = secret
        self._keys = [PyJWK(key) for key in jwks["keys"]]

    def read(self, authorization: str | None) -> dict[str, Any]:
        """The claims, none without a token. Raises PgrstError PGRST301 and PGRST303 (401)."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return {}
        claims = self._decode(token.strip())
        _check_times(claims)
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        if not token:
            raise bad_token("PGRST301", "Empty JWT is sent in Authorization header")
        if (parts := token.count(".") + 1) != 3:
            raise bad_token("PGRST301", f"Expected 3 parts in JWT; got {parts}")
        try:
            header = jwt.get_unverified_header(token)
            for key, algorithm in self._candidates(header):
                try:
                    checked: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], options=UNCHECKED)
                    return checked
                except jwt.InvalidSignatureError:
                    continue
        except jwt.InvalidTokenError as error:
            raise bad_token("PGRST301", "JWT couldn't be decoded") from error
        raise bad_token("PGRST301", "No suitable key or wrong key type")

    def _candidates(self, header: dict[str, Any]) -> list[tuple[Any, str]]:
        """A ``kid`` must be that of a key; without one every key is tried."""
        kid, algorithm = header.get("kid"), header.get("alg")
        keys = [(key, key.algorithm_name) for key in self._keys if kid in (None, key.key_id)]
        passphrase = [(self._secret, "HS256")] if self._secret and kid is None else []
        return [(key, name) for key, name in [*keys, *passphrase] if name == algorithm]


# PostgREST checks these itself, with a clock skew, and the audience only when one is configured.
UNCHECKED: Any = dict.fromkeys([f"verify_{name}" for name in ("exp", "nbf", "iat", "aud", "sub", "jti")], False)


def _check_times(claims: Mapping[str, Any]) -> None:
    now = time.time()
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise bad_token("PGRST303", f"The JWT '{name}' claim must be a number")
    if claims.get("exp") is not None and now - SKEW_SECONDS > claims["exp"]:
        raise bad_token("PGRST303", "JWT expired")
    if claims.get("nbf") is not None and now + SKEW_SECONDS < claims["nbf"]:
        raise bad_token("PGRST303", "JWT not yet valid")
    if claims.get("iat") is not None and now + SKEW_SECONDS < claims["iat"]:
        raise bad_token("PGRST303", "JWT issued at future")


def find_role(claims: Mapping[str, Any], anonymous_role: str | None) -> str:
    """Raises PgrstError PGRST302 (401) when nobody may come without a role."""
    role = claims.get("role", anonymous_role)
    if role is None:
        raise PgrstError(401, "PGRST302", "Anonymous access is disabled", headers={"WWW-Authenticate": "Bearer"})
    return str(role)
