"""Access tokens are verified locally, against the public keys of the one provider that is trusted.

Or, for a Supabase project that still signs with its legacy secret, against that: only where it is configured.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import jwt
import structlog

from shared.caller import Caller
from shared.errors import AppError, NotAuthenticated, Unavailable
from shared.plain_tokens import PlainTokens

AUDIENCE = "authenticated"
ROLE = "authenticated"  # the project's own API keys are tokens too, of other roles
REFETCH_SECONDS = 10.0  # an unknown `kid` asks for new keys at most this often
FIRST_FETCH_SECONDS = 0.5  # the same while no keys are known: a service that starts before auth must not wait long
REMEMBERED_TOKENS = 10_000

FindKey = Callable[[str], jwt.PyJWK | None]
"""By its ``kid``."""

log = structlog.get_logger()


class Revocations:
    """Asked for every caller; the default knows of none."""

    def check(self, caller: Caller) -> None:
        """Raises NotAuthenticated when ``caller``'s session has ended."""


class TokenVerifier:
    """``fetch_keys`` returns the JWKS' key list, each ``{"kid", "kty", …}``; it may raise AppError.

    ``shared_secret`` verifies HS256 tokens; without it there are none.
    """

    def __init__(
        self,
        fetch_keys: Callable[[], Iterable[dict[str, Any]]],
        revocations: Revocations | None = None,
        clock: Callable[[], float] = time.time,
        shared_secret: str | None = None,
    ) -> None:
        self._fetch_keys = fetch_keys
        self._revocations = revocations or Revocations()
        self._clock = clock
        self._shared_secret = shared_secret
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = False
        self._fetched_at = float("-inf")
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, Caller] = OrderedDict()
        self._plain = PlainTokens(AUDIENCE)

    def verify(self, token: str) -> Caller:
        """The token's owner. Raises NotAuthenticated (also for a revoked session), or Unavailable without keys."""
        return self._check(self._remembered.get(token) or self._decode(token, self._find_key))

    def verify_at_once(self, token: str) -> Caller:
        """The same without ever waiting for keys: raises NotAuthenticated also where its key is not known yet."""
        return self._check(self._remembered.get(token) or self._decode(token, self._keys.get))

    def _check(self, caller: Caller) -> Caller:
        if caller.expires_at <= self._clock():
            raise NotAuthenticated("The access token has expired.", reason="token_expired")
        self._revocations.check(caller)
        return caller

    def _decode(self, token: str, find_key: FindKey) -> Caller:
        remembered = self._remembered  # taken before anything else, as below
        try:
            claims = self._read_claims(token, find_key)
            if claims["role"] != ROLE:
                raise NotAuthenticated()
            caller = Caller(
                user_id=UUID(claims["sub"]),
                session_id=str(claims["session_id"]),
                issued_at=float(claims.get("iat", 0)),
                expires_at=float(claims["exp"]),
            )
        except (jwt.PyJWTError, ValueError, KeyError, TypeError):
            raise NotAuthenticated() from None
        remembered[token] = caller
        while len(remembered) > REMEMBERED_TOKENS:
            remembered.popitem(last=False)
        return caller

    def _read_claims(self, token: str, find_key: FindKey) -> dict[str, Any]:
        # Taken before the key is looked for: what a key verifies that is just being replaced is not learned.
        known = self._plain
        plain = known.read(token)
        if plain is not None:
            return plain
        # The algorithm decides which key there is, so that a public key can't be passed off as a secret.
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg"))
        key: jwt.PyJWK | str | None = None
        if algorithm == "ES256":
            key = find_key(str(header.get("kid")))
        elif algorithm == "HS256":
            key = self._shared_secret
        if key is None:
            raise NotAuthenticated()
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            # Expiry is checked on every use above, also for remembered tokens; another host's clock may be ahead.
            options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False},
        )
        if isinstance(key, jwt.PyJWK):
            known.learn(token, header, key)
        return claims

    def _find_key(self, kid: str) -> jwt.PyJWK | None:
        if kid not in self._keys:
            with self._lock:
                if kid not in self._keys:
                    self._refetch()
        if not self._knows_keys:
            raise Unavailable("No signing keys are known yet. Try again in a moment.", retry_after_seconds=1)
        return self._keys.get(kid)

    def _refetch(self) -> None:
        pause = REFETCH_SECONDS if self._keys else FIRST_FETCH_SECONDS
        if self._clock() - self._fetched_at < pause:
            return
        try:
            # A project may publish keys of other kinds beside: none of ours verifies with them.
            keys = {str(key["kid"]): jwt.PyJWK(key) for key in self._fetch_keys() if key.get("kty") == "EC"}
        except (AppError, jwt.PyJWTError, KeyError, AttributeError) as error:
            log.warning("keys_not_fetched", cause=str(error))
            return
        finally:
            self._fetched_at = self._clock()
        # In this order, and exchanged: whoever finds a new one finds none but new ones after it.
        self._keys, self._fetched = keys, True
        self._plain = PlainTokens(AUDIENCE)
        self._remembered = OrderedDict()

    def check_keys(self) -> None:
        """For ``/readyz``: raises Unavailable while no keys are known."""
        if not self._knows_keys:
            with self._lock:
                self._refetch()
        if not self._knows_keys:
            raise Unavailable("no signing keys are known yet")

    @property
    def _knows_keys(self) -> bool:
        """A project that signs with its secret alone publishes none, and that is all there is to know."""
        return bool(self._keys) or (self._fetched and self._shared_secret is not None)
