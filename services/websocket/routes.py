"""What the other services ask: deliver, disconnect, who is online. All with SERVICE_TOKEN."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Flask, current_app, g
from pydantic import Field, model_validator

from services.websocket import fanout
from services.websocket.broadcast import Broadcast
from services.websocket.connections import Connections
from services.websocket.presence import Presence
from services.websocket.short_road import DeliverRoad
from services.websocket.watch import Watch
from services.websocket.welcome import Welcome
from shared.api import Answer, Api
from shared.errors import Malformed, Unavailable
from shared.wire import Accepted, DeliverRequest, Id, Input, Output

api = Api("sockets")


@dataclass(frozen=True)
class Sockets:
    """What the routes and the door act on; kept in ``app.extensions['pulse.sockets']``."""

    connections: Connections
    broadcast: Broadcast
    presence: Presence
    watch: Watch
    short_road: DeliverRoad
    welcome: Welcome

    def install(self, app: Flask) -> None:
        app.extensions["pulse.sockets"] = self


class DisconnectRequest(Input):
    """Exactly one of the two."""

    session_id: str | None = None
    user_id: UUID | None = Field(None, strict=False)

    @model_validator(mode="after")
    def check_one(self) -> DisconnectRequest:
        if (self.session_id is None) == (self.user_id is None):
            raise ValueError("give session_id or user_id, one of them")
        return self


class Disconnected(Output):
    disconnected: int = Field(description="clients that were connected to the node that was asked")


class OnlineQuery(Input):
    ids: list[UUID] = Field(max_length=200, description="user ids, comma separated or repeated")


class Online(Output):
    online: list[Id] = Field(description="those of the asked who are online, or were a moment ago")


@api.on("POST", "/deliver", status=202, errors=(Malformed, Unavailable), for_services=True)
def deliver(body: DeliverRequest) -> Answer[Accepted]:
    """Writes events to every client of their recipients: all of the request, or, when one is malformed, nothing.

    Any node may be asked; with several of them it answers once Redis has it for all, or 503: then ask again.
    ``accepted`` counts the events of all deliveries, whether their recipients are connected or not.
    """
    g.log_details = {"request_ids": [one.request_id for one in body.deliveries if one.request_id]}
    addressed = fanout.encode(body)
    _sockets().broadcast.deliver(addressed)
    return Answer(Accepted(accepted=fanout.count(addressed)))


@api.on("POST", "/disconnect", status=202, errors=(Malformed, Unavailable), for_services=True)
def disconnect(body: DisconnectRequest) -> Answer[Disconnected]:
    """Ends the connections of a session, or of a person, as signed out: on every node, here before it answers."""
    user_id = str(body.user_id) if body.user_id else None
    return Answer(Disconnected(disconnected=_sockets().broadcast.end_sessions(body.session_id, user_id)))


@api.on("GET", "/online", errors=(Malformed,), for_services=True)
def list_online(query: OnlineQuery) -> Answer[Online]:
    """Who of the given people is online. A short absence does not count."""
    return Answer(Online(online=_sockets().presence.list_online(dict.fromkeys(query.ids))))


def _sockets() -> Sockets:
    sockets: Sockets = current_app.extensions["pulse.sockets"]
    return sockets
