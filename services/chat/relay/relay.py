"""How what was committed leaves chat: pushed at once, swept when overdue, and, with Kafka, published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.chat.relay.pusher import Pusher
from services.chat.relay.sweeper import Sweeper
from services.chat.settings import ChatSettings
from shared.database import Database
from shared.service_client import ServiceClient
from shared.web import Check

if TYPE_CHECKING:
    from services.chat.kafka.tap import Tap


@dataclass(frozen=True)
class Relay:
    pusher: Pusher
    sweeper: Sweeper
    tap: Tap | None

    @classmethod
    def of(cls, settings: ChatSettings, database: Database, websocket: ServiceClient) -> Relay:
        tap: Tap | None = None
        if settings.kafka_bootstrap_servers:
            from services.chat.kafka.tap import Tap  # its client is loaded only where there is a Kafka

            tap = Tap(database, settings)
        through_kafka = settings.delivery == "kafka"
        pusher = Pusher(websocket, database, wake_tap=tap.wake if tap else None, hints_only=through_kafka)
        return cls(pusher, Sweeper(database, pusher, delivers=not through_kafka), tap)

    def start(self) -> None:
        """Called in each worker after the fork."""
        self.pusher.start()
        self.sweeper.start()
        if self.tap:
            self.tap.start()

    @property
    def reported(self) -> dict[str, Check]:
        """For ``/readyz``: chat goes on without it."""
        return {"kafka": self.tap.check} if self.tap else {}
