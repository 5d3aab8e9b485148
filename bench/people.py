"""Made-up people with access tokens as auth signs them, and a stand-in of auth that says which key signed them.

The services check every token as ever; only that nobody has to sign in thousands of times by mail. The stand-in also
takes what the websocket service tells chat about presence, where there is no chat.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

KEY_ID = "bench"
LIFE_SECONDS = 6 * 3600
SERVICE_TOKEN = secrets.token_urlsafe(32)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A service that was stopped hung up."""


class Auth:
    """Signs tokens, and serves ``/.well-known/jwks.json`` and ``/revocations`` on loopback. Use it as a context."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        keys = {"keys": [{**public, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]}
        self._server = _Server(("127.0.0.1", 0), _make_handler(keys))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Auth:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, user_id: UUID | str) -> str:
        now = int(time.time())
        claims = {
            "sub": str(user_id),
            "role": "authenticated",
            "session_id": str(make_id("session", user_id)),
            "aud": "authenticated",
            "iat": now,
            "exp": now + LIFE_SECONDS,
        }
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": KEY_ID})


def make_id(kind: str, which: object) -> UUID:
    """The same in every run: a version 4 UUID of a name."""
    return UUID(bytes=hashlib.sha256(f"{kind} {which}".encode()).digest()[:16], version=4)


def make_people(count: int, first: int = 0) -> list[UUID]:
    return [make_id("person", first + n) for n in range(count)]


def _make_handler(keys: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/.well-known/jwks.json":
                self._answer(keys)
            elif path == "/revocations":
                self._answer({"revocations": [], "position": 0})
            else:
                self._answer({"status": "ok"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer({"accepted": len(body.get("changes", ()))})

        def _answer(self, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """The table stays readable."""

    return Handler
