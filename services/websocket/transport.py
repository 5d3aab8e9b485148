"""How engineio reaches a client here: its queue is our outbox, and its websockets are ours (docs/decisions/0015).

engineio keeps the handshakes, polling and its packets; an established websocket has no green thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog

from services.websocket import green
from services.websocket.carrier import MESSAGES_A_CLIENT, MESSAGES_SECONDS, Flood, Site, Websocket
from services.websocket.handshake import NotAWebsocket, accept
from services.websocket.heartbeat import Heartbeat
from services.websocket.outbox import Limits, Outbox

SWEEP_SECONDS = 5.0
KEPT = (  # of a handshake: what Flask needs of a request, and what may say who is asking
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "wsgi.url_scheme", "flask.app",
)  # fmt: skip

log = structlog.get_logger()


class Transport:
    """``most``: how many websockets there may be; more are answered 503."""

    def __init__(self, sockets: Any, limits: Limits, most: int) -> None:
        self._sockets, self._engine, self._most = sockets, sockets.eio, most
        self._heartbeat = Heartbeat(self._engine.ping_interval)
        self._site = Site(self._engine, self._heartbeat, self._engine.max_http_buffer_size)
        self._limits = limits
        self._signed_in: dict[str, Any] = {}

    def install(self) -> None:
        """Gives ``socketio.Server``'s engine our queue, our websocket, and a guard before what clients send."""
        engine = self._engine
        engine._async = {**engine._async, "queue": lambda: Outbox(self._limits), "websocket": self._meet}
        engine.on("connect", partial(self._begin, engine.handlers["connect"]))
        engine.on("message", Guard(engine, engine.handlers["message"]))
        engine.on("disconnect", partial(self._end, engine.handlers["disconnect"]))

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        green.spawn(self._heartbeat.run)
        while True:
            green.sleep(SWEEP_SECONDS)
            self._sweep()

    def forget_handshake(self, client: Any) -> None:
        """Whose it is, is known: what the handshake carried is not needed any more."""
        environ = self._sockets.environ.get(client.sid)
        if environ is not None and environ is not self._signed_in:
            if not self._signed_in:
                known = {"HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_ADDR", "QUERY_STRING"}
                self._signed_in.update((key, environ[key]) for key in KEPT if key in environ and key not in known)
            self._sockets.environ[client.sid] = self._signed_in

    def _begin(self, connect: Callable[..., Any], sid: str, environ: WSGIEnvironment) -> Any:
        if parse_qs(environ.get("QUERY_STRING", "")).get("transport", [""])[0] == "websocket":  # as engineio reads it
            self._engine.sockets[sid].last_ping = None  # engineio's own pings need a green thread each
        return connect(sid, {key: environ[key] for key in KEPT if key in environ})

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
            if self._site.open >= self._most:
                raise NotAWebsocket("503 Service Unavailable", ("Retry-After", "5"))
        except NotAWebsocket as refusal:
            if not client.connected:
                client.close(wait=False, abort=True)
            start_response(refusal.status, refusal.headers)
            return ()
        Websocket(self._site, client, green.take_socket(environ)).open(answer)
        green.leave_unanswered()
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
