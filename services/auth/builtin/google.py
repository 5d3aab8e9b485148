"""Signing in with Google, or another OpenID provider: authorization code with PKCE, or an id token from elsewhere.

Whoever signs in is known by issuer and subject, and the first time by an address that the issuer has verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.auth.builtin.google_issuer import Issuer
from services.auth.builtin.google_states import STATE_SECONDS, States, derive_for
from services.auth.builtin.google_tokens import IdTokens, Person, person_of
from services.auth.names import choose_name
from services.auth.provider import Asker, SignInRefused
from services.auth.settings import AuthSettings

CALLBACK = "/auth/callback"


@dataclass(frozen=True)
class Vouched:
    """``once`` names what signs in a single time, and must be remembered for ``once_seconds``."""

    issuer: str
    person: Person
    once: str
    once_seconds: int

    @property
    def name(self) -> str:
        return choose_name(self.person.claims, self.person.email)


class Google:
    """Each raises Unavailable while the provider does not answer."""

    @classmethod
    def of(cls, settings: AuthSettings) -> Google | None:
        """None where it is not set up."""
        if settings.google_client_id is None or settings.google_client_secret is None:
            return None
        issuer = Issuer(
            settings.google_issuer,
            settings.google_client_id,
            settings.google_client_secret.get_secret_value(),
            settings.auth_public_url + CALLBACK,
            at_once=max(1, settings.threads // 2),
        )
        return cls(issuer, settings.google_client_id, States(settings.auth_secret.get_secret_value()))

    def __init__(self, issuer: Issuer, client_id: str, states: States) -> None:
        self._issuer = issuer
        self._tokens = IdTokens(issuer, client_id)
        self._states = states

    def url(self, redirect_to: str, asker: Asker) -> str:
        """Where the browser begins."""
        state, sealed = self._states.make(redirect_to, asker.secret)
        nonce, verifier = (derive_for(asker.secret, purpose, state.id) for purpose in ("nonce", "verifier"))
        return self._issuer.authorization_url(sealed, nonce, verifier)

    def by_code(self, code: str, sealed: str, asker: Asker) -> tuple[Vouched, str]:
        """Who came back, and where they wanted to go.

        Raises OtherBrowser, LinkExpired, SignInRefused or EmailNotConfirmed.
        """
        state = self._states.open(sealed, asker.secret)
        answer = self._issuer.exchange(code, derive_for(asker.secret, "verifier", state.id))
        id_token, access_token = _text(answer, "id_token"), answer.get("access_token")
        token = self._tokens.read_own(id_token, derive_for(asker.secret, "nonce", state.id), access_token)
        claims = token.claims
        if "email" not in claims and isinstance(access_token, str):
            more = self._issuer.fetch_userinfo(access_token)
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        person = person_of(claims)
        # For longer than a state is good, however the clocks differ.
        vouched = Vouched(self._issuer.name, person, f"google-state:{state.id}", 3 * STATE_SECONDS)
        return vouched, state.redirect_to

    def by_token(self, id_token: str, nonce: str | None) -> Vouched:
        """Raises SignInRefused or EmailNotConfirmed."""
        token = self._tokens.read_given(id_token, nonce)
        return Vouched(self._issuer.name, person_of(token.claims), f"google-token:{token.digest}", token.seconds_left)


def _text(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise SignInRefused()
    return value
