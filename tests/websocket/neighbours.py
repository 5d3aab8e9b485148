"""Stand-ins for the services the websocket service asks: real HTTP servers with keys of their own."""

from __future__ import annotations

import json
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

SERVICE_TOKEN = "a service token for the tests, long enough"


class Neighbours:
    """auth (keys, revocations) and chat (presence) on one port. ``away`` makes everything answer 503."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._revocations: list[dict[str, Any]] = []
        self.presence: list[dict[str, Any]] = []
        self.away = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def sign(
        self, user_id: str, *, seconds: float = 600, session_id: str = "", key: ec.EllipticCurvePrivateKey | None = None
    ) -> str:
        """An access token as auth makes them, for ``seconds`` from now."""
        now = time.time()
        claims = {
            "sub": user_id,
            "role": "authenticated",
            "session_id": session_id or str(uuid.uuid4()),
            "aud": "authenticated",
            "iat": int(now),
            "exp": now + seconds,
        }
        return jwt.encode(claims, key or self._key, algorithm="ES256", headers={"kid": "first"})

    def revoke(self, *, session_id: str | None = None, user_id: str | None = None) -> None:
        self._revocations.append(
            {
                "session_id": session_id,
                "user_id": user_id,
                "not_before": datetime.fromtimestamp(time.time() + 1, UTC).isoformat(),
                "expires_at": datetime.fromtimestamp(time.time() + 600, UTC).isoformat(),
            }
        )

    def presence_of(self, user_id: str) -> list[bool]:
        """What chat was told about one person, in order."""
        return [change["online"] for change in self.presence if change["user_id"] == user_id]

    def news_of(self, user_id: str) -> list[bool]:
        """The same, without what chat knew: a node that could not note that it told something tells it again."""
        return [online for online, _ in groupby(self.presence_of(user_id))]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        route, _, query = path.partition("?")
        if self.away:
            return 503, {"code": "unavailable"}
        if (method, route) == ("GET", "/.well-known/jwks.json"):
            public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
            return 200, {"keys": [{**public, "kid": "first", "alg": "ES256", "use": "sig"}]}
        if (method, route) == ("GET", "/revocations"):
            after = int(query.removeprefix("after="))
            return 200, {"revocations": self._revocations[after:], "position": len(self._revocations)}
        if (method, route) == ("POST", "/internal/presence"):
            self.presence.extend(body["changes"])
            return 202, {"accepted": len(body["changes"])}
        return 404, {"code": "not_found"}

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._respond(None)

            def do_POST(self) -> None:
                self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _respond(self, body: Any) -> None:
                status, data = 401, {"code": "not_authenticated"}
                if self.headers["Authorization"] == f"Bearer {SERVICE_TOKEN}":
                    status, data = answer(self.command, self.path, body)
                raw = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                """The tests' output stays readable."""

        return Handler
