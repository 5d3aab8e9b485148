"""Clients that are listened to beside the test, and what becomes of them when a node has missed something."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress

from tests.websocket.clients import RawClient
from tests.websocket.service import Service, wait_until


class Listener:
    """A client of one node, what it has heard so far, and when."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self.heard: list[tuple[str, dict[str, object]]] = []
        self.heard_at: list[float] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                payload = self._client.read()[1]
                if payload.startswith(b"42"):
                    self.heard_at.append(time.monotonic())
                    self.heard.append(tuple(json.loads(payload[2:])))

    def stop(self) -> None:
        with suppress(OSError):
            self._client.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def of(self, wanted: str) -> list[dict[str, object]]:
        return [data for event, data in self.heard if event == wanted]

    def hear(self, event: str, count: int = 1) -> None:
        wait_until(lambda: len(self.of(event)) >= count, what=f"{count} times {event}")


def ask(node: Service, to: str, event: str) -> int:
    """The status. A while after a gap the event itself may be lost, as the ``resync`` says."""
    return node.post("/deliver", {"deliveries": [{"to": [to], "events": [{"event": event, "data": {}}]}]}).status_code


def check_all_goes_on(node: Service, listeners: list[Listener], to: str) -> None:
    wait_until(lambda: ask(node, to, "typing") == 202)
    wait_until(lambda: ask(node, to, "typing") and all(listener.of("typing") for listener in listeners))
