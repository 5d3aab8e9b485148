from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from ops.guard import Guard
from services.chat.kafka.connection import MESSAGES, USERS, make_topics
from services.chat.kafka.tap import Tap
from services.chat.settings import ChatSettings
from shared.postgres_database import PostgresDatabase
from tests.engines import Broker
from tests.kafka.listener import Listener
from tests.kafka.websocket import Websocket
from tests.people import Known, add_person

SERVICE_TOKEN = "a-service-token-of-thirty-two-characters"


@dataclass(frozen=True)
class Room:
    """ann and ben share a direct conversation of which Kafka has heard nothing yet; cho is outside."""

    database: PostgresDatabase
    ann: Known
    ben: Known
    cho: Known
    id: str


def chat_settings(bootstrap: str, **changed: str) -> ChatSettings:
    given = {"DATABASE_URL": "postgresql://unused", "SERVICE_TOKEN": SERVICE_TOKEN}
    return ChatSettings.read({**given, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, **changed})


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    database = PostgresDatabase(database_url)
    ann, ben, cho = (add_person(database, name) for name in ("Ann", "Ben", "Cho"))
    opened = database.call("open_direct", caller=ann.id, recipient=str(ben.id))
    database.call("claim_kafka_tap")
    yield Room(database, ann, ben, cho, opened["conversation_id"])
    database.close()


MakeTap = Callable[..., Tap]


@pytest.fixture
def make_tap(room: Room) -> Iterator[MakeTap]:
    """``make_tap(bootstrap, DELIVERY="kafka")``: another chat process' tap, stopped after the test."""
    made: list[Tap] = []

    def make(bootstrap: str, **changed: str) -> Tap:
        made.append(Tap(room.database, chat_settings(bootstrap, **changed)))
        return made[-1]

    yield make
    for tap in made:
        tap.stop()
        tap.close()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    """Hears what is published from now on."""
    make_topics(chat_settings(broker.bootstrap), (MESSAGES, USERS), 12, None)
    listener = Listener(broker.bootstrap)
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory, engine_guard: Guard) -> Iterator[Broker]:
    """One that tests may end and freeze, whatever KAFKA_BOOTSTRAP_SERVERS says."""
    broker = Broker(tmp_path_factory.mktemp("own-broker"), engine_guard)
    broker.up()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def websocket() -> Iterator[Websocket]:
    with Websocket(SERVICE_TOKEN) as websocket:
        yield websocket
