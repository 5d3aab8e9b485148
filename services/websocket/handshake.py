"""The first words of a websocket (RFC 6455, 4.2)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1
from wsgiref.types import WSGIEnvironment

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"
KEY_CHARACTERS = 24  # 16 bytes in base64


class NotAWebsocket(Exception):
    """The request asks for something else; ``status`` and ``headers`` are its answer."""

    def __init__(self, status: str, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.status, self.headers = status, [("Connection", "close"), *headers]


def accept(environ: WSGIEnvironment) -> bytes:
    """The answer that switches protocols. Raises NotAWebsocket."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise NotAWebsocket("426 Upgrade Required", ("Sec-WebSocket-Version", VERSION))
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
    if len(key) != KEY_CHARACTERS or not key.isascii():
        raise NotAWebsocket("400 Bad Request")
    return switch(key)


def switch(key: str) -> bytes:
    """Agrees to no extension: deflate would take some 90 kB a client."""
    proof = b64encode(sha1(key.encode() + GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )
