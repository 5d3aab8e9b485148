"""A stock Socket.IO client that remembers everything it hears."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import socketio

from tests.system.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Heard:
    """One event as it arrived; ``at`` is monotonic seconds."""

    event: str
    data: dict[str, Any]
    at: float


class Device:
    """One of a person's devices: ``token`` is asked anew at every connect, as a browser's client does."""

    def __init__(self, url: str, token: Callable[[], str], transports: tuple[str, ...]) -> None:
        self.heard: list[Heard] = []
        self.connects = 0
        self.refused: list[Any] = []
        self._url = url
        self._token = token
        self._transports = transports
        self._changed = threading.Condition()
        self.client = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=1)
        self.client.on("connect", self._connected)
        self.client.on("connect_error", self._refused)
        self.client.on("*", self._hear)

    def connect(self) -> None:
        """Raises socketio.exceptions.ConnectionError when the service refuses."""
        self.client.connect(
            self._url, auth=lambda: {"token": self._token()}, transports=list(self._transports), wait_timeout=10
        )

    def close(self) -> None:
        self.client.shutdown()

    def events(self, event: str, **wanted: Any) -> list[dict[str, Any]]:
        """Data of what was heard so far under that name, with these values in it."""
        return [
            heard.data for heard in list(self.heard) if heard.event == event and wanted.items() <= heard.data.items()
        ]

    def wait_for(self, event: str, within: float = PATIENCE_SECONDS, **wanted: Any) -> dict[str, Any]:
        """The first event of that name with these values in its data, heard already or still to come."""
        self.wait_until(lambda: self.events(event, **wanted), f"{event} {wanted}", within)
        return self.events(event, **wanted)[0]

    def wait_for_message(self, message: dict[str, Any], within: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The ``message.sent`` of that message."""
        return self.wait_for(
            "message.sent", within, conversation_id=message["conversation_id"], seq=message["seq"], message=message
        )

    def wait_until(self, look: Callable[[], Any], what: str, within: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + within
        with self._changed:
            while not look():
                left = deadline - time.monotonic()
                assert left > 0, f"not heard within {within} s: {what}; heard: {[h.event for h in self.heard][-20:]}"
                self._changed.wait(min(left, 0.5))

    def _connected(self) -> None:
        with self._changed:
            self.connects += 1
            self._changed.notify_all()

    def _refused(self, data: Any) -> None:
        with self._changed:
            self.refused.append(data)
            self._changed.notify_all()

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        with self._changed:
            self.heard.append(Heard(event, data, time.monotonic()))
            self._changed.notify_all()
