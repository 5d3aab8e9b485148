"""How engineio reaches a client here: its queue is our outbox, and its websocket writes through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

import structlog

from services.websocket import green
from services.websocket.outbox import Limits, Outbox

# A stock client answers a ping each 25 s, signs in and renews its token each few minutes. Nothing else is of use.
PACKETS_A_TRANSPORT = 200
PACKETS_SECONDS = 10.0

log = structlog.get_logger()


def install(socketio_server: Any, limits: Limits) -> None:
    """Gives ``socketio.Server``'s engine our queue, our websocket, and a guard before what clients send."""
    engine = socketio_server.eio
    engine._async = {**engine._async, "queue": lambda: Outbox(limits), "websocket": WebSocket}
    engine.on("message", Guard(engine, engine.handlers["message"]))


class Guard:
    """Packets that can't be read, and floods of them, end their transport; they never reach a log's traceback."""

    def __init__(self, engine: Any, receive: Callable[[str, Any], None]) -> None:
        self._engine, self._receive = engine, receive

    def __call__(self, engine_id: str, packet: Any) -> None:
        client = self._engine.sockets.get(engine_id)
        if client is None or client.closed:
            return
        try:
            _count(client)
            self._receive(engine_id, packet)
        except Exception as error:
            # Only the kind of error: its text may quote the packet, and that may hold a token.
            log.warning("packet_refused", cause=type(error).__name__)
            green.spawn(client.close, wait=False, abort=True)


class Flood(Exception):
    """More packets than any client of ours sends."""


def _count(client: Any) -> None:
    now = time.monotonic()
    since, count = client.session.get("packets", (now, 0))
    if now - since > PACKETS_SECONDS:
        since, count = now, 0
    if count >= PACKETS_A_TRANSPORT:
        raise Flood()
    client.session["packets"] = (since, count + 1)


class WebSocket(green.WebSocketEntry):  # type: ignore[misc]  # published without types
    """The WSGI side of a websocket; engineio makes one for each client that connects or upgrades."""

    def __init__(self, carry: Callable[[Stream], Any], engine: Any) -> None:
        super().__init__(self._run, max_frame_length=engine.max_http_buffer_size)
        self.support_legacy_versions = False
        self._carry = carry
        self._client: Any = carry.__self__  # type: ignore[attr-defined]  # engineio passes its socket's method

    def _handle_hybi_request(self, environ: WSGIEnvironment) -> Stream:
        accepted = super()._handle_hybi_request(environ)
        stream = Stream(accepted.socket, environ, accepted.version, max_frame_length=self.max_frame_length)
        stream.log = Nowhere()  # it would write past our logs that a socket which both sides closed is closed
        return stream

    def _run(self, stream: Stream) -> None:
        outbox: Outbox = self._client.queue
        if outbox.claimed:
            return  # a second upgrade beside one under way would mix two sockets' bytes
        stream.outbox = outbox
        outbox.claim(stream.socket.fd, lambda: bool(self._client.upgraded))
        try:
            self._carry(stream)
        except Exception as error:
            log.info("transport_broken", cause=type(error).__name__)
            outbox.put(None)
            if outbox.live:
                self._client.close(wait=False, abort=True, reason="transport error")
        finally:
            outbox.release()


class Stream(green.WebSocketStream):  # type: ignore[misc]  # published without types
    """A websocket whose own frames (pong, close) never cut into those of the outbox."""

    outbox: Outbox | None = None

    def _send(self, wire: bytes) -> None:
        if self.outbox is not None and self.outbox.live:
            self.outbox.write_control(wire)
        else:
            super()._send(wire)

    class Message(green.WebSocketStream.Message):  # type: ignore[misc]  # published without types
        """eventlet bounds a frame, but not a message of endless fragments."""

        received = 0

        def push(self, data: bytes, final: bool = False) -> None:
            self.received += len(data) or 1  # empty fragments take room too
            if self.received > self.max_frame_length:
                raise green.ProtocolFailure(1009, "The message is too large.")
            super().push(data, final)

    @staticmethod
    def _apply_mask(data: bytes, mask: tuple[int, ...], length: int = 0, offset: int = 0) -> bytes:  # noqa: ARG004
        # eventlet does it byte by byte: 64 kB would hold up every client for tens of milliseconds.
        count = len(data)
        key = bytes(mask[(offset + i) % 4] for i in range(4))
        pattern = (key * (count // 4 + 1))[:count]
        return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(count, "big")


class Nowhere:
    def write(self, text: str) -> None:
        pass
