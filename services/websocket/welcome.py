"""Answers the plain handshake of a new websocket at once: most clients come so, and ask for nothing else.

What is checked is what the ordinary road checks (entrance.py, engineio, transport.py); nobody is refused here, because
whoever is not let in goes that road and hears there why.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from services.websocket.entrance import is_own
from services.websocket.handshake import KEY_CHARACTERS, VERSION, switch
from services.websocket.http_head import Head
from services.websocket.transport import Transport

# ``t`` is what stock clients add against caches.
TARGET = re.compile(r"/socket\.io/\?(EIO=4&transport=websocket|transport=websocket&EIO=4)(&t=[A-Za-z0-9._-]*)?")
HEAD_BYTES = 8_192  # the ordinary road bounds a single line by as much
WITH_A_BODY = ("Content-Length", "Transfer-Encoding", "Expect")
WHO = {"Origin": "HTTP_ORIGIN", "Cookie": "HTTP_COOKIE", "Authorization": "HTTP_AUTHORIZATION"}


class Welcome:
    beginning = b"GET /socket.io/?"

    def __init__(self, transport: Transport, origins: Iterable[str]) -> None:
        self._transport, self._origins = transport, frozenset(origins)

    def knows(self, head: Head) -> bool:
        return (
            TARGET.fullmatch(head.target) is not None
            and head.length <= HEAD_BYTES
            and head.get("Upgrade", "").lower() == "websocket"
            and "upgrade" in [word.strip() for word in head.get("Connection", "").lower().split(",")]
            and head.get("Sec-WebSocket-Version") == VERSION
            and len(head.get("Sec-WebSocket-Key", "")) == KEY_CHARACTERS
            and all(head.get(name) is None for name in WITH_A_BODY)
            and self._may_ask(head)
            and self._transport.has_room
        )

    def let_in(self, connection: socket.socket, head: Head, data: bytes) -> None:
        """``data``: what the client has said after its handshake already."""
        who = {WHO[name]: value for name in WHO if (value := head.get(name)) is not None}
        if "HTTP_ORIGIN" in who and who["HTTP_ORIGIN"] not in self._origins:  # its own
            del who["HTTP_ORIGIN"]
        self._transport.let_in(connection, switch(head.get("Sec-WebSocket-Key", "")), who, data)

    def _may_ask(self, head: Head) -> bool:
        origin = head.get("Origin")
        return origin is None or origin in self._origins or is_own(origin, head.get("Host"))
