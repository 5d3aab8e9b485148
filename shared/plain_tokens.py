"""Access tokens of the form nearly all have, verified in half the time; all others are left to PyJWT.

PyJWT reads the same header twice for each token, and every character of it. Here a header's text, once PyJWT has taken
a token that began with it, stands for the key it named. Nothing is taken here that PyJWT would refuse: what is in any
way unusual is not judged.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

import jwt
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

# Three parts in base64url, the last of 64 bytes; its last character may only be one that an encoder writes.
TOKEN = re.compile(r"(([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{85}[AQgw])")
HEADER = frozenset({"alg", "kid", "typ"})  # what else may stand there (crit, b64) changes how a token is read
JUDGED = frozenset({"nbf", "jti"})  # claims PyJWT looks at where they stand
ES256 = ECDSA(SHA256())
MOST_HEADERS = 16  # a provider writes one for each of its keys


class PlainTokens:
    """ES256 alone, for one audience, and for as long as the same keys hold."""

    def __init__(self, audience: str) -> None:
        self._audience = audience
        self._keys: dict[str, jwt.PyJWK] = {}

    def learn(self, token: str, header: Mapping[str, Any], key: jwt.PyJWK) -> None:
        """``token``, which has this ``header``, was verified with ``key``."""
        if key.algorithm_name == "ES256" and header.keys() <= HEADER and len(self._keys) < MOST_HEADERS:
            self._keys[token.partition(".")[0]] = key

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims; None for what is not plain. Raises InvalidSignatureError. Expiry is the caller's to check."""
        parts = TOKEN.fullmatch(token)
        key = self._keys.get(parts[2]) if parts is not None else None
        if parts is None or key is None:
            return None
        signature = urlsafe_b64decode(parts[4] + "==")
        pair = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        try:
            key.key.verify(pair, parts[1].encode(), ES256)
        except InvalidSignature:
            raise jwt.InvalidSignatureError("Signature verification failed") from None
        try:
            claims = orjson.loads(urlsafe_b64decode(parts[3] + "=="))
        except ValueError:
            return None
        return claims if self._are_plain(claims) else None

    def _are_plain(self, claims: Any) -> bool:
        return (
            type(claims) is dict
            and claims.get("aud") == self._audience
            and type(claims.get("sub")) is str
            and type(claims.get("session_id")) is str
            and claims.get("exp") is not None
            and JUDGED.isdisjoint(claims)
        )
