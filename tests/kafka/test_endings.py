"""What is closed is gone, threads and all: while a broker is away one is made after the other."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.chat.bridge.consumer import BridgeConsumer
from services.chat.bridge.dead_letters import DeadLetters
from services.chat.bridge.delivery import Delivery
from services.chat.bridge.settings import BridgeSettings
from services.chat.kafka.publisher import Publisher
from shared.service_client import ServiceClient
from tests.kafka.conftest import SERVICE_TOKEN, chat_settings
from tests.system.waiting import eventually

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nobody looks for garbage meanwhile, as nobody may for hours in a process with little to do."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def threads() -> set[str]:
    """librdkafka's, of this process."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has just ended
            if (task / "comm").read_text().startswith("rdk:"):
                found.add(task.name)
    return found


@pytest.mark.usefixtures("uncollected")
def test_a_publisher_that_is_closed_leaves_no_thread() -> None:
    before = threads()
    publisher = Publisher(chat_settings(NOWHERE))
    publisher.listen()
    assert threads() - before
    publisher.close()
    eventually(lambda: not threads() - before, "the threads' end")


@pytest.mark.usefixtures("uncollected")
def test_a_consumer_that_has_ended_leaves_no_thread() -> None:
    given = {"SERVICE_TOKEN": SERVICE_TOKEN, "WEBSOCKET_URL": "http://127.0.0.1:1", "PORT": "5004"}
    settings = BridgeSettings.read({**given, "KAFKA_BOOTSTRAP_SERVERS": NOWHERE})
    delivery = Delivery(ServiceClient(settings.websocket_url, SERVICE_TOKEN), DeadLetters(settings))
    before, stopping = threads(), threading.Event()
    consumer = BridgeConsumer(settings, delivery, stopping)
    assert threads() - before
    stopping.set()
    consumer.run()
    del consumer
    eventually(lambda: not threads() - before, "the threads' end")
