"""OpenID providers on loopback: a real one from PyPI, and one of our own that tells whatever a test wants told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.test import Client, TestResponse

from ops.ports import find_free_port
from tests.auth.conftest import OWN_ORIGIN, PAGES
from tests.standins.server import serve

CLIENT_ID, CLIENT_SECRET = "pulse.apps.example.org", "a-secret-that-google-gave"
CALLBACK = f"{OWN_ORIGIN}/auth/callback"


def settings_for(issuer: str, **more: str) -> dict[str, str]:
    return {
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "GOOGLE_ISSUER": issuer,
        "SIGNUP": "open",
        **more,
    }


class Browser:
    """Keeps cookies; ``open`` as the address line does."""

    def __init__(self, app: Flask) -> None:
        self.client: Client = app.test_client()

    def open(self, address: str) -> TestResponse:
        return self.client.get(address.removeprefix(OWN_ORIGIN), base_url=OWN_ORIGIN, headers={"Accept": "text/html"})

    def begin(self, redirect_to: str = "") -> str:
        """Where Google's page is."""
        begun = self.open(f"/auth/google?{urlencode({'redirect_to': redirect_to})}")
        assert begun.status_code == 302, begun.get_data(as_text=True)
        return begun.headers["Location"]

    def user(self) -> dict[str, Any] | None:
        answer = self.client.get("/auth/session", base_url=OWN_ORIGIN, headers={"Origin": PAGES})
        return answer.get_json()["user"] if answer.status_code == 200 else None


def read_query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@dataclass
class RealProvider:
    """oidc-provider-mock: discovery, consent page, codes and RS256 tokens as any OpenID provider has them."""

    url: str

    def wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(requests.ConnectionError):
                requests.get(f"{self.url}/jwks", timeout=30).raise_for_status()
                return
            time.sleep(0.05)
        raise AssertionError("the OpenID provider did not start")

    def tell(self, subject: str, **claims: Any) -> None:
        """What it knows of somebody."""
        answer = requests.put(f"{self.url}/users/{subject}", json=claims, timeout=30)
        assert answer.status_code == 204, answer.text

    def consent(self, address: str, subject: str | None) -> str:
        """Where it sends a browser back to; None is somebody who cancels."""
        form = {"sub": subject} if subject else {"action": "deny"}
        answer = requests.post(address, data=form, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def id_token(self, subject: str, nonce: str | None = None, client_id: str = CLIENT_ID) -> str:
        """As an app of the same client gets it."""
        query = {"client_id": client_id, "redirect_uri": "https://app.example.org/back", "response_type": "code"}
        query |= {"scope": "openid email profile"} | ({"nonce": nonce} if nonce else {})
        back = self.consent(f"{self.url}/oauth2/authorize?{urlencode(query)}", subject)
        answer = requests.post(
            f"{self.url}/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": read_query(back)["code"],
                "redirect_uri": "https://app.example.org/back",
            },
            auth=(client_id, "any"),
            timeout=30,
        )
        return str(answer.json()["id_token"])


@contextmanager
def run_real_provider() -> Iterator[RealProvider]:
    """A process of its own: its library is deprecated by its own authors, and warnings are errors here."""
    port = find_free_port()
    program = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    environ = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}
    with subprocess.Popen(program, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            provider = RealProvider(f"http://127.0.0.1:{port}")
            provider.wait_until_up(process)
            yield provider
        finally:
            process.kill()


@dataclass
class OwnIssuer:
    """Signs what it is told to, right or wrong, and checks what a strict provider would: secret, PKCE, one use."""

    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True))
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: str = ""
    asked: list[str] = field(default_factory=list)
    configuration: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Of ann, in order; a claim of None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "subject-of-ann",
            "email": "ann@example.org",
            "email_verified": True,
            "name": "Ann Lee",
            "iat": now,
            "exp": now + 3600,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def sign(
        self, claims: dict[str, Any], key: RSAKey | OctKey | None = None, alg: str = "RS256", kid: str = "one"
    ) -> str:
        return jwt.encode({"alg": alg, "kid": kid}, claims, key or self.key, algorithms=[alg])

    def unsigned(self, claims: dict[str, Any]) -> str:
        return f"{_unsigned('none', claims)}."

    def sign_with_public_key(self, claims: dict[str, Any]) -> str:
        """HS256 with what everybody knows: enough for whoever verifies by any algorithm with the key that is there."""
        signed = _unsigned("HS256", claims)
        return f"{signed}.{_encode(hmac.digest(self.key.as_pem(private=False), signed.encode(), 'sha256'))}"

    def consent(self, address: str, token: str | None = None, **changed: Any) -> str:
        """Where it sends a browser back to; ``token`` instead of one about ``claims(**changed)``."""
        asked = read_query(address)
        assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", CLIENT_ID, CALLBACK)
        assert asked["code_challenge_method"] == "S256"
        assert set(asked["scope"].split()) == {"openid", "email", "profile"}
        code = f"code-{len(self.codes)}"
        changed.setdefault("nonce", asked["nonce"])
        self.codes[code] = {
            "id_token": token or self.sign(self.claims(**changed)),
            "challenge": asked["code_challenge"],
        }
        return f"{CALLBACK}?{urlencode({'state': asked['state'], 'code': code})}"

    def app(self) -> Flask:
        app = Flask(__name__)
        app.add_url_rule("/.well-known/openid-configuration", view_func=self._configure)
        app.add_url_rule("/jwks", view_func=self._show_keys)
        app.add_url_rule("/token", view_func=self._give_token, methods=["POST"])
        app.add_url_rule("/userinfo", view_func=lambda: jsonify(self.userinfo), endpoint="userinfo")
        app.before_request(self._fail)
        return app

    def _fail(self) -> Response | None:
        self.asked.append(request.path)
        if self.fault and self.fault.partition(" ")[2] in ("", request.path):
            kind = self.fault.partition(" ")[0]
            if kind == "hang":
                time.sleep(8)  # longer than anybody waits
            return Response("<html>Bad gateway</html>", status=502 if kind == "502" else 200)
        return None

    def _configure(self) -> Response:
        return jsonify(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                **self.configuration,
            }
        )

    def _show_keys(self) -> Response:
        return jsonify({"keys": [{"kty": "of the future", "kid": "two"}, self.key.as_dict(private=False)]})

    def _give_token(self) -> Response:
        form, authorization = request.form, request.authorization
        secret = authorization.password if authorization else form.get("client_secret")
        if secret != CLIENT_SECRET:
            return _refusal("invalid_client", 401)
        issued = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if issued is None or _encode(digest) != issued["challenge"] or form["redirect_uri"] != CALLBACK:
            return _refusal("invalid_grant", 400)
        return jsonify({"access_token": "opaque", "token_type": "Bearer", "id_token": issued["id_token"]})


def _refusal(error: str, status: int) -> Response:
    answer = jsonify({"error": error})
    answer.status_code = status
    return answer


def _unsigned(alg: str, claims: dict[str, Any]) -> str:
    return ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "one"}, claims))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def run_own_issuer() -> Iterator[OwnIssuer]:
    issuer = OwnIssuer()
    with serve(issuer.app()) as url:
        issuer.url = url
        yield issuer
