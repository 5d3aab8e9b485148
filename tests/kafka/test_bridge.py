"""The bridge between a real broker and whatever answers /deliver: in order, once committed only, poison set aside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY

from services.chat.bridge.app import Bridge, create_app
from services.chat.bridge.consumer import GROUP
from services.chat.bridge.dead_letters import DeadLetters
from services.chat.bridge.delivery import Delivery
from services.chat.bridge.settings import BridgeSettings
from services.chat.kafka.connection import DEAD, MESSAGES, USERS, make_topics
from shared.service_client import ServiceClient
from shared.wire import wire_time
from tests.engines import Broker
from tests.kafka.conftest import SERVICE_TOKEN, chat_settings
from tests.kafka.listener import ends
from tests.kafka.websocket import Websocket
from tests.system.waiting import eventually

PARTITIONS = 12


def event(number: int, room: str, kind: str = "message.sent") -> bytes:
    value = {
        "id": str(uuid4()),
        "type": kind,
        "version": 1,
        "occurred_at": wire_time(0),
        "to": [str(uuid4())],
        "data": {"conversation_id": room, "seq": number},
    }
    return json.dumps(value).encode()


class Stumbling(Delivery):
    """Fails, while ``stumbles`` is set, in a way that nobody has thought of."""

    stumbles = False
    stumbled = 0

    def deliver(self, messages: list[Message]) -> None:
        if self.stumbles:
            self.stumbled += 1
            raise ZeroDivisionError
        super().deliver(messages)


class Running:
    """A bridge in a thread, and a producer that stands for chat."""

    def __init__(self, broker: Broker, websocket: Websocket) -> None:
        self.bootstrap, self.websocket = broker.bootstrap, websocket
        make_topics(chat_settings(broker.bootstrap), (MESSAGES, USERS), PARTITIONS, None)
        self.producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "log_level": 0})
        settings = {"SERVICE_TOKEN": SERVICE_TOKEN, "WEBSOCKET_URL": websocket.url, "PORT": "5004"}
        read = BridgeSettings.read({**settings, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap})
        self.delivery = Stumbling(ServiceClient(websocket.url, SERVICE_TOKEN), DeadLetters(read))
        self.bridge = Bridge(read, self.delivery)
        self.client = create_app(read, self.bridge).test_client()
        self._thread = threading.Thread(target=self.bridge.run)
        self._thread.start()

    def publish(self, *values: bytes, key: str) -> None:
        for value in values:
            self.producer.produce(MESSAGES, value, key)
        assert self.producer.flush(20) == 0

    def heard(self, room: str) -> list[int]:
        return [data["seq"] for data in self.websocket.data if data.get("conversation_id") == room]

    def lag(self) -> float:
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("pulse_bridge_lag{"))

    def committed(self) -> int:
        """Records of MESSAGES that will not be read again."""
        places = [TopicPartition(MESSAGES, number) for number in range(PARTITIONS)]
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        asked = ConsumerGroupTopicPartitions(GROUP, places)

        def ask() -> Any:
            try:  # who asks while a new broker makes room for its first group hears nothing
                return admin.list_consumer_group_offsets([asked], request_timeout=5)[GROUP].result().topic_partitions
            except KafkaException:
                return None

        found = eventually(ask, "what the group has read", within=60)
        return sum(max(0, place.offset) for place in found)

    def stop(self) -> None:
        self.bridge.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def running(broker: Broker, websocket: Websocket) -> Iterator[Running]:
    running = Running(broker, websocket)
    try:
        end = count_records(broker.bootstrap)
        eventually(lambda: running.committed() >= end, "what an outside broker held being read", within=60)
        yield running
    finally:
        running.stop()


def test_events_are_delivered_in_order_and_committed_after_that(running: Running) -> None:
    room = str(uuid4())
    before = running.committed()
    running.publish(*(event(number, room) for number in range(1, 301)), key=room)
    eventually(lambda: len(running.heard(room)) >= 300, "300 events", within=40)
    assert running.heard(room) == list(range(1, 301))
    eventually(lambda: running.committed() == before + 300, "the commit")
    assert running.websocket.requests < 300
    assert (running.client.get("/readyz").json or {})["dependencies"] == {"kafka": "ok", "websocket": "ok"}
    assert "pulse_bridge_lag" in running.client.get("/metrics").text


def test_while_the_websocket_service_is_away_nothing_is_committed_and_nothing_lost(running: Running) -> None:
    room = str(uuid4())
    running.websocket.status = 503
    before, asked = running.committed(), running.websocket.requests
    running.publish(*(event(number, room) for number in range(1, 21)), key=room)
    eventually(lambda: running.websocket.requests > asked + 2, "a few tries")
    assert (running.heard(room), running.committed()) == ([], before)
    running.websocket.status = 202
    eventually(lambda: len(running.heard(room)) >= 20, "the 20 events")
    assert running.heard(room) == list(range(1, 21))
    eventually(lambda: running.committed() == before + 20, "the commit")


def test_while_the_websocket_service_is_away_the_lag_grows_and_kafka_is_well(running: Running) -> None:
    room = str(uuid4())
    running.websocket.status = 503
    asked = running.websocket.requests
    running.publish(event(1, room), key=room)
    eventually(lambda: running.websocket.requests > asked, "the first being held")
    running.publish(*(event(number, room) for number in range(2, 22)), key=room)
    eventually(lambda: running.lag() > 0, "the others being counted")
    assert (running.client.get("/readyz").json or {})["dependencies"]["kafka"] == "ok"
    running.websocket.status = 202
    eventually(lambda: running.heard(room) == list(range(1, 22)), "the 21 events")
    eventually(lambda: running.lag() == 0, "nothing being left")


def test_a_wrong_service_token_sets_nothing_aside(running: Running) -> None:
    room = str(uuid4())
    running.websocket.status = 401
    asked = running.websocket.requests
    running.publish(event(1, room), key=room)
    eventually(lambda: running.websocket.requests > asked + 1, "a second try")
    running.websocket.status = 202
    eventually(lambda: running.heard(room) == [1], "the event")


def test_an_unknown_failure_ends_the_consumer_and_not_the_bridge(running: Running) -> None:
    room = str(uuid4())
    before = running.committed()
    running.delivery.stumbles = True
    running.publish(*(event(number, room) for number in (1, 2)), key=room)
    eventually(lambda: running.delivery.stumbled > 0, "the failure", within=30)
    assert (running.heard(room), running.committed()) == ([], before)
    running.delivery.stumbles = False
    eventually(lambda: running.heard(room) == [1, 2], "the events", within=40)
    eventually(lambda: running.committed() == before + 2, "the commit")


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (b"\xff no json", b"is no event"),
        (b'{"id": 1}', b"is no event"),
        (event(2, str(uuid4())).replace(b'"version": 1', b'"version": 2'), b"is no event: version"),
        (event(2, str(uuid4())).replace(b'"seq": 2', b'"seq": NaN'), b"is no event: data is not JSON"),
        (event(2, str(uuid4())).replace(b'"seq": 2', b'"seq": 1e999'), b"is no event: data is not JSON"),
        (event(2, str(uuid4()), "refused"), b"/deliver answers 422"),
    ],
    ids=["bytes", "fields", "version", "NaN", "beyond any number", "refused"],
)
def test_poison_is_set_aside_and_the_others_go_on(running: Running, poison: bytes, reason: bytes) -> None:
    room = str(uuid4())
    before = REGISTRY.get_sample_value("pulse_bridge_set_aside_total", {"kept": "yes"}) or 0
    running.publish(event(1, room), poison, event(3, room), key=room)
    eventually(lambda: running.heard(room) == [1, 3], "the others", within=30)
    assert REGISTRY.get_sample_value("pulse_bridge_set_aside_total", {"kept": "yes"}) == before + 1
    [dead] = [one for one in read_dead(running.bootstrap) if one.key() == room.encode()]
    headers: dict[str, Any] = dict(dead.headers() or [])
    assert (dead.value(), headers["topic"]) == (poison, MESSAGES.encode())
    assert headers["reason"].startswith(reason)


def count_records(bootstrap: str) -> int:
    """Of MESSAGES, ever."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "look", "log_level": 0})
    places = [TopicPartition(MESSAGES, number) for number in range(PARTITIONS)]
    try:
        return sum(ends(consumer, place)[1] for place in places)
    finally:
        consumer.close()


def read_dead(bootstrap: str) -> list[Message]:
    """All of ``chat.dead``."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "look", "log_level": 0})
    consumer.assign([TopicPartition(DEAD, 0, 0)])
    try:
        return eventually(lambda: consumer.consume(1000, 0.5), "something in chat.dead")
    finally:
        consumer.close()
