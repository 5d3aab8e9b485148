"""The bridge, with ``DELIVERY=kafka``: from the topics to the websocket service. Plain threads, no database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException
from flask import Flask

from services.chat.bridge.consumer import BridgeConsumer, ConsumerLost
from services.chat.bridge.dead_letters import DeadLetters
from services.chat.bridge.delivery import Delivery
from services.chat.bridge.settings import BridgeSettings
from shared.errors import Unavailable
from shared.service_client import ServiceClient
from shared.web import install

RESTART_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0

log = structlog.get_logger()


class Bridge:
    def __init__(self, settings: BridgeSettings, delivery: Delivery | None = None) -> None:
        self._settings = settings
        self.websocket = ServiceClient(settings.websocket_url, settings.service_token.get_secret_value())
        self._delivery = delivery or Delivery(self.websocket, DeadLetters(settings))
        self._stopping = threading.Event()
        self._check_kafka: Callable[[], None] | None = None

    def run(self) -> None:
        """Returns after ``stop``, with everything delivered committed and the group left."""
        said, pause = "", RESTART_SECONDS / 2
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                consumer = BridgeConsumer(self._settings, self._delivery, self._stopping)
                self._check_kafka = consumer.positions.check_fresh
                consumer.run()
            except (ConsumerLost, KafkaException) as error:
                if str(error) != said:
                    log.warning("consumer_made_anew", cause=str(error))
                said = str(error)
                self._stopping.wait(RESTART_SECONDS)
            except Exception:
                # Nobody is helped by an end: started again, it reads the same records.
                log.exception("consumer_made_anew")
                lived = time.monotonic() - began
                pause = RESTART_SECONDS if lived > STEADY_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._stopping.wait(pause)
        self._delivery.close()

    def stop(self) -> None:
        self._stopping.set()

    def check_kafka(self) -> None:
        """For ``/readyz``. Raises Unavailable."""
        if self._check_kafka is None:
            raise Unavailable("not answering")
        self._check_kafka()


def create_app(settings: BridgeSettings, bridge: Bridge) -> Flask:
    """What tells how the bridge is doing; only for inside."""
    app = Flask(__name__, static_folder=None)
    ready = {"kafka": bridge.check_kafka, "websocket": bridge.websocket.check_alive}
    install(app, settings, "Pulse bridge", ready=ready)
    return app
