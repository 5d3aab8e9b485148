"""Websocket: tell them now. Holds the clients' sockets, fans events out to them, and knows who is online."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from flask import Flask, Request
from flask_socketio import SocketIO
from werkzeug.routing import MapAdapter

from services.websocket import green
from services.websocket.broadcast import Broadcast, OnlyHere
from services.websocket.connections import Connections
from services.websocket.entrance import Entrance
from services.websocket.events import Events
from services.websocket.lifecycle import on_start, on_stop, repeat
from services.websocket.members import Members
from services.websocket.nodes.broadcast import EveryNode
from services.websocket.nodes.roster import SharedRoster
from services.websocket.outbox import Limits
from services.websocket.presence import OwnRoster, Presence
from services.websocket.routes import Sockets
from services.websocket.routes import api as routes_api
from services.websocket.sessions import Sessions
from services.websocket.settings import WebsocketSettings
from services.websocket.short_road import DeliverRoad
from services.websocket.transport import Transport
from services.websocket.welcome import Welcome
from shared.caller import Identity
from shared.revocations import RevocationList
from shared.service_client import ServiceClient, fetch_jwks
from shared.tokens import TokenVerifier
from shared.web import install

PACKET_BYTES = 65_536  # of what a client may send; it has little to say
DELIVER_BYTES = 16 * 1024 * 1024  # a batch of 100 messages of 8,000 code points is 9.6 MB when all are escaped


def create_app(settings: WebsocketSettings | None = None, *, most_websockets: int = 10_000) -> Flask:
    settings = settings or WebsocketSettings.read()
    app = SocketApp(__name__, static_folder=None)
    service_token = settings.service_token.get_secret_value()
    auth = ServiceClient(settings.auth_url, service_token)
    socketio = _make_socketio(app, settings)
    transport = Transport(socketio.server, Limits(settings.outbox_events, settings.outbox_bytes), most_websockets, app)
    transport.install()
    connections = Connections()
    presence = Presence(
        ServiceClient(settings.chat_url, service_token),
        SharedRoster(settings).install(app) if settings.redis_url else OwnRoster(),
        settings.presence_grace_seconds,
        settings.presence_gather_seconds,
    )
    revocations = RevocationList(auth, lambda revocation: sessions.end_revoked(revocation))
    verifier = TokenVerifier(lambda: fetch_jwks(auth), revocations, shared_secret=settings.jwt_secret)
    sessions = Sessions(connections, presence, verifier, socketio.server, settings)
    identity = Identity(verifier, settings.origins, service_token)
    identity.install(app)
    broadcast: Broadcast = OnlyHere(connections, sessions)
    if settings.redis_url:
        broadcast = EveryNode(settings, connections, sessions).install(app)
    road, welcome = DeliverRoad(identity, broadcast), Welcome(transport, settings.origins)
    Sockets(connections, broadcast, presence, transport.watch, road, welcome).install(app)
    Events(socketio, transport, sessions, identity).install(socketio)
    routes_api.install(app)
    for start in (transport.run, revocations.start, presence.run, repeat(sessions.sweep, seconds=1)):
        on_start(app, start)
    for stop in (sessions.shut_down, presence.stop):
        on_stop(app, stop)
    ready, reported = {"keys": verifier.check_keys}, {"revocations": revocations.check_fresh, **broadcast.reported}
    install(app, settings, "Pulse websocket", ready=ready, reported=reported, body_bytes=DELIVER_BYTES)
    return app


class SocketApp(Flask):
    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """None for what sockets say: each would be looked for among the routes."""
        return None if request is not None and request.path == "/socket.io/" else super().create_url_adapter(request)


class Json:
    """What engineio and socketio encode and decode with; nothing that comes in nests for ever."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return orjson.dumps(data).decode()

    loads = staticmethod(orjson.loads)


def _make_socketio(app: Flask, settings: WebsocketSettings) -> SocketIO:
    quiet = logging.getLogger("socketio.packets")
    quiet.setLevel(logging.CRITICAL)  # the libraries' own words quote packets, and those hold tokens
    socketio = SocketIO(
        app,
        async_mode=green.ASYNC_MODE,
        client_manager=Members(),
        monitor_clients=False,  # it wakes up for each client; transport.py looks after them
        ping_interval=settings.ping_interval_seconds,
        ping_timeout=settings.ping_timeout_seconds,
        async_handlers=False,  # else one client's events overtake each other
        cors_allowed_origins=list(settings.origins),  # an empty list would switch the check off; this one never is
        cookie=None,
        json=Json,
        http_compression=False,
        max_http_buffer_size=PACKET_BYTES,
        manage_session=False,
        logger=quiet,
        engineio_logger=quiet,
    )
    app.wsgi_app = Entrance(app.wsgi_app, settings.origins)  # type: ignore[method-assign]
    return socketio
