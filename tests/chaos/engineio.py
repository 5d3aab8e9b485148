"""A lean Socket.IO client: two hundred of the stock one would leave two cores nothing for the system they try.

Engine.IO 4 over a websocket: ``0{…}`` open, ``2``/``3`` ping and pong, ``1`` close; in its messages Socket.IO 5: ``40``
connect, ``44`` refused, ``41`` disconnect, ``42[event, data]``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

OPEN_SECONDS = 5.0


class Gone(Exception):
    """The connection ended, was refused, or never came about."""


class Socket:
    """One connection that was let in."""

    def __init__(self, connection: ClientConnection, silence_seconds: float) -> None:
        self._connection = connection
        self._silence_seconds = silence_seconds
        self._watch: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str, token: str) -> Socket:
        """Raises Gone."""
        address = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                connection = await connect(
                    address, compression=None, ping_interval=None, max_size=None, close_timeout=1, proxy=None
                )
                try:
                    return await cls._enter(connection, token)
                except BaseException:
                    connection.transport.abort()
                    raise
        except (OSError, TimeoutError, WebSocketException) as error:
            raise Gone(repr(error)) from error

    @classmethod
    async def _enter(cls, connection: ClientConnection, token: str) -> Socket:
        opened = str(await connection.recv())
        terms = json.loads(opened[1:])
        await connection.send("40" + json.dumps({"token": token}))
        while True:
            said = str(await connection.recv())
            if said.startswith("40"):
                return cls(connection, (terms["pingInterval"] + terms["pingTimeout"]) / 1000)
            if said.startswith(("41", "44", "1")):
                raise Gone(said)

    async def events(self) -> AsyncIterator[tuple[str, Any]]:
        """(event, data) until the connection ends."""
        self._expect()
        try:
            async for said in self._connection:
                text = str(said)
                if text.startswith("42"):
                    event, *data = json.loads(text[2:])
                    yield event, data[0] if data else None
                elif text == "2":
                    self._expect()
                    await self._connection.send("3")
                elif text.startswith(("41", "1")):
                    break
        except WebSocketException:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        if self._watch:
            self._watch.cancel()
        with suppress(Exception):
            self._connection.transport.abort()

    def _expect(self) -> None:
        """A server that says nothing for longer than it promised is gone, as every stock client has it."""
        if self._watch:
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().call_later(self._silence_seconds, self._connection.transport.abort)
