"""Chat: what was said. Persists messages, serves history, and pushes what it committed to the websocket service."""

from __future__ import annotations

from flask import Flask

from services.chat.conversations.routes import api as conversations_api
from services.chat.conversations.typists import Typists
from services.chat.messages.history import HistoryPages
from services.chat.messages.routes import api as messages_api
from services.chat.messages.sending import Sender
from services.chat.messages.short_road import SendRoad
from services.chat.optional_redis import OptionalRedis
from services.chat.presence import api as presence_api
from services.chat.rate_limits import SendLimit
from services.chat.relay.relay import Relay
from services.chat.search.indexer import Indexer
from services.chat.search.routes import api as search_api
from services.chat.settings import ChatSettings
from services.chat.state import Chat
from shared.caller import Identity
from shared.database import connect
from shared.read_road import ReadRoad
from shared.revocations import RevocationList
from shared.server import on_start
from shared.service_client import ServiceClient, fetch_jwks
from shared.short_road import install_short_road
from shared.tokens import TokenVerifier
from shared.web import install

# Most of what is asked, and answered within milliseconds: a search may take seconds.
HOT_READS = ("/chat/history", "/chat/changes", "/conversations", "/messages")


def create_app(settings: ChatSettings | None = None) -> Flask:
    settings = settings or ChatSettings.read()
    app = Flask(__name__, static_folder=None)
    service_token = settings.service_token.get_secret_value()
    database = connect(settings, settings.database_connections)
    auth = ServiceClient(settings.auth_url, service_token)
    websocket = ServiceClient(settings.websocket_url, service_token)
    revocations = RevocationList(auth)
    verifier = TokenVerifier(lambda: fetch_jwks(auth), revocations, shared_secret=settings.jwt_secret)
    redis = OptionalRedis.of(settings)
    relay = Relay.of(settings, database, websocket)
    identity = Identity(verifier, settings.origins, service_token)
    identity.install(app)
    sender = Sender(database, relay.pusher)
    send_limit = SendLimit(settings.sends_per_minute, redis)
    Chat(
        database,
        sender,
        relay.pusher,
        websocket,
        Typists(redis),
        HistoryPages(database, redis),
        send_limit,
    ).install(app)
    for api in (messages_api, conversations_api, presence_api, search_api):
        api.install(app)
    install_short_road(app, SendRoad(identity, sender, send_limit))
    install_short_road(app, ReadRoad(app, identity, HOT_READS))
    for start in (revocations.start, relay.start, Indexer(database).start):
        on_start(app, start)
    install(
        app,
        settings,
        "Pulse chat",
        ready={"database": lambda: database.call("measure_outbox"), "keys": verifier.check_keys},
        reported={
            "revocations": revocations.check_fresh,
            "websocket": websocket.check_alive,
            **({"redis": redis.check} if redis else {}),
            **relay.reported,
        },
    )
    return app
