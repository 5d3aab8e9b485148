"""Whether an id token is the issuer's, for us and of now (OpenID Connect Core 1.0, 3.1.3.7), and who it is about."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any

import structlog
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.auth.addresses import normalise_email
from services.auth.builtin.google_issuer import Issuer
from services.auth.google_settings import GOOGLE
from services.auth.provider import EmailNotConfirmed, SignInRefused

# Only with a key that nobody else has: never "none", and never HS256, whose key would be a public one.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
LEEWAY_SECONDS = 30
SUBJECT_LENGTH = 255
WRONG = (JoseError, ValueError, TypeError, KeyError, AttributeError)

log = structlog.get_logger()


@dataclass(frozen=True)
class Person:
    """``subject`` never changes at the issuer; ``email`` is verified, in our spelling; ``claims`` hold a name."""

    subject: str
    email: str
    claims: dict[str, Any]


@dataclass(frozen=True)
class IdToken:
    claims: dict[str, Any]
    digest: str
    """Of what was signed, so that one token is known again however it is spelled."""

    @property
    def seconds_left(self) -> int:
        """For as long as this may be shown again."""
        return max(1, int(self.claims["exp"] - time.time()) + 2 * LEEWAY_SECONDS)


class IdTokens:
    def __init__(self, issuer: Issuer, client_id: str) -> None:
        self._issuer = issuer
        self._client_id = client_id

    def read_own(self, id_token: str, nonce: str, access_token: str | None) -> IdToken:
        """One that we asked for, with this nonce. Raises SignInRefused or Unavailable."""
        return self._read(id_token, nonce, {"client_id": self._client_id, "access_token": access_token})

    def read_given(self, id_token: str, nonce: str | None) -> IdToken:
        """One that somebody brings: its nonce claim, if any, is the SHA-256 of ``nonce`` in hex, which whoever only
        sees the token does not know. Raises SignInRefused or Unavailable."""
        hashed = hashlib.sha256(nonce.encode()).hexdigest() if nonce else None
        # An app's own client may be named as azp beside ours, the audience.
        return self._read(id_token, hashed, {})

    def _read(self, id_token: str, nonce: str | None, params: dict[str, Any]) -> IdToken:
        try:
            kid = jws.extract_compact(id_token.encode()).headers().get("kid")
        except WRONG as error:
            raise self._refuse(error) from error
        keys, issuer = self._issuer.keys(kid), self._issuer.name
        try:
            token = jwt.decode(id_token, KeySet.import_key_set({"keys": keys}), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "values": _names(issuer)},
                    "aud": {"essential": True, "value": self._client_id},
                    "sub": {"essential": True},
                    "exp": {"essential": True},
                },
                params={**params, "nonce": nonce},
            )
            claims.validate(now=int(time.time()), leeway=LEEWAY_SECONDS)
            _check_shape(claims, self._client_id, nonce)
        except WRONG as error:
            raise self._refuse(error) from error
        signed = id_token.rpartition(".")[0]
        return IdToken(dict(claims), hashlib.sha256(signed.encode()).hexdigest())

    @staticmethod
    def _refuse(error: Exception) -> SignInRefused:
        log.info("id_token_refused", cause=f"{type(error).__name__}: {error}"[:200])
        return SignInRefused()


def person_of(claims: dict[str, Any]) -> Person:
    """Raises EmailNotConfirmed for an address that the issuer does not vouch for."""
    try:
        email = normalise_email(claims["email"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise EmailNotConfirmed() from error
    if claims.get("email_verified") is not True:
        raise EmailNotConfirmed()
    return Person(claims["sub"], email, claims)


def _names(issuer: str) -> list[str]:
    # Google's older tokens name it without the scheme; its documentation allows both.
    return [issuer, "accounts.google.com"] if issuer == GOOGLE else [issuer]


def _check_shape(claims: dict[str, Any], client_id: str, nonce: str | None) -> None:
    """What the library leaves open. Raises ValueError."""
    if claims["aud"] not in (client_id, [client_id]):
        raise ValueError("is also for others")
    if nonce is None and claims.get("nonce") is not None:
        raise ValueError("needs its nonce")
    if nonce is not None and not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise ValueError("has another nonce")
    if not isinstance(claims["sub"], str) or not 1 <= len(claims["sub"]) <= SUBJECT_LENGTH:
        raise ValueError("has no subject")
    if isinstance(claims["exp"], bool):
        raise ValueError("has no end")
