"""Google as GoTrue sees it: consent that is always given, by whoever ``consenting`` names, and signed id_tokens.

supabase/auth, *internal/api/{external,token_oidc}.go*, *internal/models/linking.go*.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from flask import redirect, request
from werkzeug.wrappers import Response

from tests.signing import Signer
from tests.standins.gotrue.challenges import read_challenge, with_code
from tests.standins.gotrue.core import Core, text
from tests.standins.gotrue.errors import GotrueError, OAuthError, invalid
from tests.standins.gotrue.links import confirm
from tests.standins.gotrue.options import GOOGLE_CLIENT_ID
from tests.standins.gotrue.people import Identity, User, new_user, now
from tests.standins.gotrue.store import Flow

ISSUER = "https://accounts.google.com"


@dataclass(frozen=True)
class Account:
    email: str
    name: str = "Ann"
    email_verified: bool = True

    @property
    def subject(self) -> str:
        return str(int(hashlib.sha256(self.email.encode()).hexdigest()[:16], 16))


class Google:
    """Set ``consenting`` to who is signed in at Google; None is somebody who cancels."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._signer = Signer("google")
        self.consenting: Account | None = Account("ann@example.org")

    def id_token(self, account: Account, *, nonce: str | None = None, **changed: Any) -> str:
        """Its ``nonce`` claim is the hash of the nonce that the caller keeps; a claim of None is left out."""
        at = int(now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": GOOGLE_CLIENT_ID,
            "sub": account.subject,
            "email": account.email,
            "email_verified": account.email_verified,
            "name": account.name,
            "nonce": hashlib.sha256(nonce.encode()).hexdigest() if nonce else None,
            "iat": at,
            "exp": at + 3600,
            **changed,
        }
        return self._signer.sign({name: value for name, value in claims.items() if value is not None})

    def authorize(self) -> Response:
        """Straight to the callback: the consent page is somebody else's."""
        if request.args.get("provider") != "google" or not self._core.options.google:
            raise invalid("Unsupported provider: provider is not enabled")
        challenge = read_challenge(dict(request.args))
        flow = Flow(*(challenge or ("", "")), "oauth", now(), redirect_to=self._core.redirect_to())
        self._core.store.flows.append(flow)
        answer = {"code": self.consenting.email} if self.consenting else {"error": "access_denied"}
        query = urlencode({"state": flow.id, **answer})
        return redirect(f"{self._core.options.external_url}/callback?{query}", 302)

    def callback(self) -> Response:
        core, state = self._core, request.args.get("state", "")
        flow = next((flow for flow in core.store.flows if flow.id == state and flow.method == "oauth"), None)
        if flow is None or flow.is_expired() or flow.user_id is not None:
            told = {"error_description": "OAuth state not found or expired", "error_code": "bad_oauth_state"}
            query = urlencode({"error": "invalid_request", **told})
            return redirect(f"{core.options.site_url}?{query}", 303)
        refused = request.args.get("error")
        if refused or self.consenting is None:
            told = {"error": refused or "access_denied", "error_description": ""}
            return redirect(_with_error(flow.redirect_to, told), 302)
        try:
            user = self._find_or_add(self.consenting)
        except GotrueError as error:
            told = {"error": "access_denied", "error_code": error.code, "error_description": error.message}
            return redirect(_with_error(flow.redirect_to, told), 302)
        if not flow.challenge:
            pair = core.start_session(user, "oauth").get_json()
            told = {name: str(pair[name]) for name in ("access_token", "refresh_token", "token_type")}
            return redirect(f"{flow.redirect_to}#{urlencode(told)}", 302)
        flow.user_id, flow.code_issued_at = user.id, now()
        return redirect(with_code(flow.redirect_to, flow.code), 302)

    def take_id_token(self, body: dict[str, Any]) -> Response:
        if not text(body, "id_token"):
            raise OAuthError("invalid request", "id_token required")
        if text(body, "provider") != "google":
            raise invalid(f'Custom OIDC provider "{text(body, "provider")}" not allowed')
        if not self._core.options.google:
            raise GotrueError(400, "provider_disabled", f'Provider (issuer "{ISSUER}") is not enabled')
        try:
            checks = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
            key = jwt.PyJWK(self._signer.jwk)
            claims = jwt.decode(body["id_token"], key, algorithms=["ES256"], issuer=ISSUER, options=checks)  # type: ignore[arg-type]
        except jwt.PyJWTError:
            raise OAuthError("invalid request", "Bad ID token") from None
        if claims["exp"] <= now().timestamp():
            raise OAuthError("invalid request", "Bad ID token")
        if claims["aud"] != GOOGLE_CLIENT_ID:
            raise OAuthError("invalid request", f"Unacceptable audience in id_token: [{claims['aud']}]")
        nonce, held = text(body, "nonce"), claims.get("nonce", "")
        if bool(nonce) != bool(held):
            raise OAuthError("invalid request", "Passed nonce and nonce in id_token should either both exist or not.")
        if nonce and hashlib.sha256(nonce.encode()).hexdigest() != held:
            raise OAuthError("invalid nonce", "Nonces mismatch")
        account = Account(claims["email"], claims.get("name", ""), claims["email_verified"])
        return self._core.start_session(self._find_or_add(account), "oauth")

    def _find_or_add(self, account: Account) -> User:
        core = self._core
        data = {
            "iss": ISSUER,
            "sub": account.subject,
            "name": account.name,
            "full_name": account.name,
            "email": account.email,
            "email_verified": account.email_verified,
            "phone_verified": False,
            "provider_id": account.subject,
        }
        user = core.store.find_user(account.email) if account.email_verified else None
        if user is None:
            if core.options.disable_signup:
                raise GotrueError(422, "signup_disabled", "Signups not allowed for this instance")
            user = new_user(account.email.lower(), None, data, provider="google")
            core.store.users[user.id] = user
        if user.is_banned():
            raise GotrueError(403, "user_banned", "User is banned")
        if not user.is_confirmed:
            # Whoever signed this address up before never proved that it was theirs.
            user.password, user.identities = None, []
        if not any(identity.provider == "google" for identity in user.identities):
            user.identities.append(Identity(user.id, "google", account.subject, data, now()))
        providers = [identity.provider for identity in user.identities]
        user.user_metadata = {**user.user_metadata, **data}
        user.app_metadata = {**user.app_metadata, "provider": providers[0], "providers": providers}
        if not user.is_confirmed:
            if not account.email_verified:
                message = "Unverified email with google. A confirmation email has been sent to your google email"
                raise GotrueError(422, "provider_email_needs_verification", message)
            confirm(core, user)
        return user


def _with_error(address: str, told: dict[str, str]) -> str:
    """Beside what the address already asks for, and again after the #."""
    parts = urlsplit(address)
    query = urlencode({**dict(parse_qsl(parts.query)), **told})
    return parts._replace(query=query, fragment=urlencode({**told, "sb": ""})).geturl()
