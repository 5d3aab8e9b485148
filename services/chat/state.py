"""What chat's routes work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask, current_app

from services.chat.conversations.typists import Typists
from services.chat.messages.history import HistoryPages
from services.chat.messages.sending import Sender
from services.chat.rate_limits import SendLimit
from services.chat.relay.pusher import Pusher
from services.chat.search.room import Room
from shared.database import Database
from shared.service_client import ServiceClient


@dataclass(frozen=True)
class Chat:
    database: Database
    sender: Sender
    pusher: Pusher
    websocket: ServiceClient
    typists: Typists
    history: HistoryPages
    send_limit: SendLimit
    searches: Room = field(default_factory=Room)

    def install(self, app: Flask) -> None:
        app.extensions["pulse.chat"] = self


def chat() -> Chat:
    found: Chat = current_app.extensions["pulse.chat"]
    return found
