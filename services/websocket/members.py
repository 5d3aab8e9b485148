"""Socket.IO's book of who is connected, for a service without rooms."""

from __future__ import annotations

import os
from typing import Any

import socketio

ID_BYTES = 15  # of chance; engineio's have 12, and a number


class Members(socketio.Manager):  # type: ignore[misc]  # published without types
    """python-socketio's own keeps a room for each client (2 kB), and looks through all of them when one leaves.

    There is one namespace. Ids: Socket.IO's is what a client is told as its ``sid``; Engine.IO's names its transport.
    """

    def __init__(self) -> None:
        super().__init__()
        self._transports: dict[str, str] = {}
        self._ids: dict[str, str] = {}  # the other way round
        self._between: set[str] = set()  # not welcomed yet, or not said goodbye to yet

    def get_namespaces(self) -> list[str]:
        return ["/"]

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:  # noqa: ARG002
        """None when it is connected already."""
        if eio_sid in self._ids:
            return None
        sid = make_id()
        self._transports[sid], self._ids[eio_sid] = eio_sid, sid
        self._between.add(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str:  # noqa: ARG002
        self._between.discard(sid)
        return sid

    def is_connected(self, sid: str | None, namespace: str) -> bool:  # noqa: ARG002
        return sid in self._transports and sid not in self._between

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:  # noqa: ARG002
        return self._ids.get(eio_sid)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:  # noqa: ARG002
        return self._transports.get(sid)

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:  # noqa: ARG002
        self._between.add(sid)
        return self._transports.get(sid)

    def disconnect(self, sid: str, namespace: str, **_: Any) -> None:  # noqa: ARG002
        eio_sid = self._transports.pop(sid, None)
        if eio_sid is not None:
            del self._ids[eio_sid]
        self._between.discard(sid)


def make_id() -> str:
    """Nobody can guess it. engineio's own way takes four times as long."""
    return os.urandom(ID_BYTES).hex()
