"""How engineio reaches a client here: its queue is our outbox, and its websockets are ours (docs/decisions/0015).

engineio keeps the handshakes, polling and its packets; an established websocket has no green thread of its own.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from engineio.socket import Socket as EngineSocket
from flask import Flask

from services.websocket import green
from services.websocket.carrier import MESSAGES_A_CLIENT, MESSAGES_SECONDS, Flood, SignIn, Site, Websocket
from services.websocket.frames import frame
from services.websocket.handshake import NotAWebsocket, accept
from services.websocket.heartbeat import Heartbeat
from services.websocket.members import make_id
from services.websocket.outbox import Limits, Outbox
from services.websocket.watch import Watch

SWEEP_SECONDS = 5.0
KEPT = (  # of a handshake: what Flask needs of a request, and what may say who is asking
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "wsgi.url_scheme", "flask.app",
)  # fmt: skip

# What Flask needs of the request of one of whom nothing else is to be known.
ENVIRON = {
    "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/socket.io/", "QUERY_STRING": "",
    "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
}  # fmt: skip

log = structlog.get_logger()


class Transport:
    """``most``: how many websockets there may be; more are answered 503."""

    def __init__(self, sockets: Any, limits: Limits, most: int, app: Flask) -> None:
        self._sockets, self._engine, self._most = sockets, sockets.eio, most
        self._heartbeat = Heartbeat(self._engine.ping_interval)
        self.watch = Watch()
        self._site = Site(self._engine, self._heartbeat, self._engine.max_http_buffer_size, self.watch)
        self._limits = limits
        self._environ = {**ENVIRON, "flask.app": app}

    def install(self) -> None:
        """Gives ``socketio.Server``'s engine our queue, our websocket, and a guard before what clients send."""
        engine = self._engine
        engine._async = {**engine._async, "queue": lambda: Outbox(self._limits), "websocket": self._meet}
        self._connect: Callable[..., Any] = engine.handlers["connect"]
        self._opening = '0{"sid":"%s",' + json.dumps(self._describe(), separators=(",", ":"))[1:]
        engine.on("connect", self._begin)
        engine.on("message", Guard(engine, engine.handlers["message"]))
        engine.on("disconnect", partial(self._end, engine.handlers["disconnect"]))

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        green.spawn(self._heartbeat.run)
        while True:
            green.sleep(SWEEP_SECONDS)
            self._sweep()

    @property
    def has_room(self) -> bool:
        return self._site.open < self._most

    def let_in(self, connection: socket.socket, answer: bytes, who: Mapping[str, str], data: bytes) -> None:
        """A new client whose plain handshake is answered by ``answer``, without engineio's part in it.

        ``who``: what may say who is asking, as WSGI names it. ``data``: what the client has said already.
        """
        engine = self._engine
        sid = make_id()
        engine.sockets[sid] = client = EngineSocket(engine, sid)
        client.last_ping = None
        self._connect(sid, {**self._environ, **who} if who else self._environ)
        Websocket(self._site, client, connection).open(answer + frame(self._opening % sid), data)

    def forget_handshake(self, client: Any) -> None:
        """Whose it is, is known: what the handshake carried is not needed any more."""
        if client.sid in self._sockets.environ:
            self._sockets.environ[client.sid] = self._environ

    def sign_in_by(self, sign_in: SignIn) -> None:
        self._site.sign_in = sign_in

    def _describe(self) -> dict[str, Any]:
        """What engineio tells a client that comes by websocket, besides its id."""
        engine = self._engine
        return {
            "upgrades": [],
            "pingTimeout": int(engine.ping_timeout * 1000),
            "pingInterval": int(engine.ping_interval + engine.ping_interval_grace_period) * 1000,
            "maxPayload": engine.max_http_buffer_size,
        }

    def _begin(self, sid: str, environ: WSGIEnvironment) -> Any:
        if parse_qs(environ.get("QUERY_STRING", "")).get("transport", [""])[0] == "websocket":  # as engineio reads it
            self._engine.sockets[sid].last_ping = None  # engineio's own pings need a green thread each
        return self._connect(sid, {key: environ[key] for key in KEPT if key in environ})

    def _end(self, disconnect: Callable[..., Any], sid: str, reason: str) -> None:
        self._engine.sockets.pop(sid, None)
        disconnect(sid, reason)

    def _meet(self, carry: Callable[..., Any], _engine: Any) -> Callable[..., Iterable[bytes]]:
        return partial(self._admit, carry.__self__)  # type: ignore[attr-defined]  # engineio passes its socket's method

    def _admit(self, client: Any, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = accept(environ)
            if client.upgrading:  # a second one beside it would mix two sockets' bytes
                raise NotAWebsocket("400 Bad Request")
            if not self.has_room:
                raise NotAWebsocket("503 Service Unavailable", ("Retry-After", "5"))
        except NotAWebsocket as refusal:
            if not client.connected:
                client.close(wait=False, abort=True)
            start_response(refusal.status, refusal.headers)
            return ()
        connection, data = green.take_socket(environ)
        Websocket(self._site, client, connection).open(answer, data)
        return ()  # engineio takes lists for packets

    def _sweep(self) -> None:
        """Of those who poll: engineio's own look at them (its ``monitor_clients``) wakes up for each client."""
        for sid, client in list(self._engine.sockets.items()):
            try:
                if client.closed:
                    self._engine.sockets.pop(sid, None)
                elif not client.upgraded and not client.closing:
                    client.check_ping_timeout()
            except Exception:
                log.exception("bug")


class Guard:
    """Packets that can't be read, and floods of them, end their transport; they never reach a log's traceback."""

    def __init__(self, engine: Any, receive: Callable[[str, Any], None]) -> None:
        self._engine, self._receive = engine, receive

    def __call__(self, engine_id: str, packet: Any) -> None:
        client = self._engine.sockets.get(engine_id)
        if client is None or client.closed:
            return
        try:
            if not client.upgraded:  # a websocket counts for itself
                _count(client)
            self._receive(engine_id, packet)
        except Exception as error:
            # Only the kind of error: its text may quote the packet, and that may hold a token.
            log.warning("packet_refused", cause=type(error).__name__)
            green.spawn(client.close, wait=False, abort=True)


def _count(client: Any) -> None:
    now = time.monotonic()
    since, count = client.session.get("packets", (now, 0))
    if now - since > MESSAGES_SECONDS:
        since, count = now, 0
    if count >= MESSAGES_A_CLIENT:
        raise Flood()
    client.session["packets"] = (since, count + 1)
