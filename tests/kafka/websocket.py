"""Stands for the websocket service where the bridge posts: what it accepted, and how it answers."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Websocket:
    """``status`` 202 accepts; an event named ``refused`` makes its whole request malformed, as the real one does."""

    def __init__(self, service_token: str) -> None:
        self.delivered: list[dict[str, Any]] = []
        self.requests = 0
        self.status = 202
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, {"status": "alive"})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == f"Bearer {service_token}"
                self._answer(*outer.judge(body["deliveries"]))

            def log_message(self, format: str, *args: object) -> None:
                pass

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def judge(self, deliveries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        self.requests += 1
        if self.status != 202:
            return self.status, {"code": "unavailable", "message": "not now"}
        if any(event["event"] == "refused" for one in deliveries for event in one["events"]):
            return 422, {"code": "malformed", "message": "no"}
        self.delivered += deliveries
        return 202, {"accepted": len(deliveries)}

    @property
    def data(self) -> list[dict[str, Any]]:
        return [event["data"] for one in self.delivered for event in one["events"]]

    def __enter__(self) -> Websocket:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
