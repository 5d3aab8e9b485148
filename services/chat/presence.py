"""Who is online: the websocket service knows and reports; chat knows whom it concerns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from pydantic import Field

from services.chat.relay.pusher import Push, current_request_id
from services.chat.state import chat
from shared.api import Answer, Api
from shared.caller import Caller
from shared.errors import Unavailable
from shared.service_client import ServiceRefused
from shared.wire import Accepted, Input, Output, Presence

api = Api("presence")
log = structlog.get_logger()


class PresenceQuery(Input):
    ids: list[UUID] = Field(max_length=200, description="user ids, comma separated or repeated")


class PresenceList(Output):
    """Only those who share a conversation with the caller."""

    presence: list[Presence]


class PresenceChange(Input):
    user_id: UUID
    online: bool
    at: Annotated[datetime, Field(strict=False)]


class PresenceChanges(Input):
    changes: list[PresenceChange] = Field(max_length=10_000)


@api.on("GET", "/presence")
def list_presence(caller: Caller, query: PresenceQuery) -> Answer[PresenceList]:
    """Who of the given people is online, and when they were last."""
    ids = [str(user_id) for user_id in query.ids]
    known = chat().database.call("list_presence", caller=caller.user_id, ids=ids)
    online = _list_online([row["user_id"] for row in known])
    return Answer({"presence": [{**row, "online": row["user_id"] in online} for row in known]})


@api.on("POST", "/internal/presence", status=202, for_services=True)
def record_presence(body: PresenceChanges) -> Answer[Accepted]:
    """Changes of online state, as the websocket service saw them."""
    changes = body.model_dump(mode="json")["changes"]
    told = chat().database.call("record_presence", changes=changes)
    chat().pusher.push([Push(None, row["to"], "presence", row["data"], current_request_id()) for row in told])
    return Answer({"accepted": len(changes)})


def _list_online(user_ids: list[str]) -> set[str]:
    if not user_ids:
        return set()
    try:
        return set(chat().websocket.get("/online", ids=",".join(user_ids))["online"])
    except (Unavailable, ServiceRefused) as error:
        log.warning("online_not_known", cause=str(error))
        return set()  # with the websocket service away nobody is
