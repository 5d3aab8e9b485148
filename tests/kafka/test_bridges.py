"""Several bridges, killed and frozen, and a broker that is restarted under them: `make chaos`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from ops.guard import Guard
from ops.ports import find_free_port
from services.chat.kafka.connection import MESSAGES, USERS, make_topics
from tests.engines import Broker
from tests.kafka.conftest import SERVICE_TOKEN, chat_settings
from tests.kafka.test_bridge import event
from tests.kafka.websocket import Websocket
from tests.system.processes import Process, answers, python_module
from tests.system.waiting import eventually

pytestmark = pytest.mark.chaos


@pytest.fixture
def rooms() -> list[str]:
    return [str(uuid4()) for _ in range(8)]


@pytest.fixture
def bridges(own_broker: Broker, websocket: Websocket, engine_guard: Guard, tmp_path: Path) -> Iterator[list[Process]]:
    """Two, of one group."""
    make_topics(chat_settings(own_broker.bootstrap), (MESSAGES, USERS), 12, None)
    made = []
    for name in ("one", "two"):
        port = find_free_port()
        environment = {
            "SERVICE_TOKEN": SERVICE_TOKEN,
            "WEBSOCKET_URL": websocket.url,
            "KAFKA_BOOTSTRAP_SERVERS": own_broker.bootstrap,
            "PORT": str(port),
        }
        is_ready = answers(f"http://127.0.0.1:{port}/readyz")
        command = python_module("services.chat.bridge")
        made.append(Process(name, command, environment, port, tmp_path / f"{name}.log", engine_guard, is_ready))
        made[-1].start()
    for bridge in made:
        bridge.wait_until_ready()
    yield made
    for bridge in made:
        bridge.kill()


def publish(broker: Broker, rooms: list[str], numbers: range) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "log_level": 0})
    for number in numbers:
        for room in rooms:
            producer.produce(MESSAGES, event(number, room), room)
    assert producer.flush(30) == 0


def check_all_heard(websocket: Websocket, rooms: list[str], count: int) -> None:
    """Each room's events, in order but for repeats."""

    def first_heard(room: str) -> list[int]:
        return list(dict.fromkeys(data["seq"] for data in websocket.data if data["conversation_id"] == room))

    eventually(lambda: all(len(first_heard(room)) == count for room in rooms), "everything being heard", within=90)
    for room in rooms:
        assert first_heard(room) == list(range(count))


def test_two_bridges_share_and_take_over(
    own_broker: Broker, websocket: Websocket, bridges: list[Process], rooms: list[str]
) -> None:
    one, two = bridges
    publish(own_broker, rooms, range(50))
    check_all_heard(websocket, rooms, 50)
    one.kill()
    publish(own_broker, rooms, range(50, 100))
    check_all_heard(websocket, rooms, 100)
    one.start()
    one.wait_until_ready()
    two.pause()  # longer than its session
    publish(own_broker, rooms, range(100, 150))
    check_all_heard(websocket, rooms, 150)
    two.resume()
    publish(own_broker, rooms, range(150, 200))
    check_all_heard(websocket, rooms, 200)


def test_a_broker_that_comes_back_empty_is_read_from_its_beginning(
    own_broker: Broker, websocket: Websocket, bridges: list[Process], rooms: list[str]
) -> None:
    publish(own_broker, rooms, range(30))
    check_all_heard(websocket, rooms, 30)
    own_broker.clear()
    make_topics(chat_settings(own_broker.bootstrap), (MESSAGES, USERS), 12, None)
    publish(own_broker, rooms, range(30, 35))
    check_all_heard(websocket, rooms, 35)
    for bridge in bridges:
        bridge.wait_until_ready()
