"""The broker goes away: sends do not notice, the backlog waits in Postgres and is published on its return."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
from confluent_kafka.admin import AdminClient

from ops.guard import Guard
from services.chat.kafka.connection import MESSAGES, USERS, make_topics
from services.chat.kafka.tap import BrokerAway, Tap
from shared.errors import Unavailable
from tests.engines import Broker
from tests.kafka.conftest import MakeTap, Room, chat_settings
from tests.kafka.listener import Listener
from tests.kafka.test_tap import send, waiting
from tests.system.waiting import eventually


def is_up(tap: Tap) -> bool:
    try:
        tap.check()
    except Unavailable:
        return False
    return True


def check_backlog_is_published(room: Room, tap: Tap, broker: Broker) -> None:
    """Of the room's messages all but the first, which was published before the outage."""
    eventually(lambda: waiting(room) == 0, "the backlog being published", within=40)
    listener = Listener(broker.bootstrap, (MESSAGES,), whole=True)
    last_seq = room.database.call("list_history", **history(room))["last_seq"]
    wanted = set(range(3, last_seq + 1))
    try:
        eventually(lambda: wanted <= heard_seqs(listener, room), "the room's messages being in the topic")
    finally:
        listener.close()
    assert is_up(tap)


def heard_seqs(listener: Listener, room: Room) -> set[int]:
    return {one.value["data"]["seq"] for one in listener.stay(0.2) if one.key == room.id}


def history(room: Room) -> dict[str, object]:
    where = {"conversation_id": room.id, "peer": None, "before_seq": None, "after_seq": None}
    return {"caller": room.ann.id, "page_limit": 1, **where}


def test_certificates_that_went_bad_since_the_start_keep_what_waits(
    room: Room, tmp_path: Path, free_port: int, make_tap: MakeTap
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(Path(certifi.where()).read_text())
    tap = make_tap(f"127.0.0.1:{free_port}", KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_CA_FILE=str(ca))
    send(room, 3)
    ca.write_text("")
    with pytest.raises(BrokerAway, match=r"ssl\.ca\.location"):
        tap.turn()
    ca.write_text(Path(certifi.where()).read_text())
    with pytest.raises(BrokerAway, match=r"(?i)connect|broker"):  # read again; there is no broker
        tap.turn()
    assert waiting(room) == 3


def test_a_broker_that_is_not_there_at_the_start_is_waited_for(
    room: Room, tmp_path: Path, engine_guard: Guard, make_tap: MakeTap
) -> None:
    late = Broker(tmp_path / "late", engine_guard)
    tap = make_tap(late.bootstrap)
    tap.start()
    began = time.monotonic()
    send(room, 3)
    assert time.monotonic() - began < 20
    with pytest.raises(Unavailable):
        tap.check()
    assert waiting(room) == 3
    late.up()
    try:
        eventually(lambda: waiting(room) == 0, "the backlog being published", within=40)
        listener = Listener(late.bootstrap, whole=True)
        assert len(listener.wait_for(3)) == 3
        listener.close()
    finally:
        tap.stop()
        late.kill()


@pytest.mark.parametrize("outage", ["kill", pytest.param("pause", marks=pytest.mark.chaos)])
def test_what_is_sent_while_the_broker_is_away_is_published_when_it_is_back(
    room: Room, own_broker: Broker, make_tap: MakeTap, outage: str
) -> None:
    make_topics(chat_settings(own_broker.bootstrap), (MESSAGES, USERS), 12, None)
    tap = make_tap(own_broker.bootstrap)
    tap.start()
    send(room)
    eventually(lambda: waiting(room) == 0, "the first being published")
    end: Callable[[], None] = getattr(own_broker, outage)
    end()
    slowest = 0.0
    for _ in range(20):
        began = time.monotonic()
        send(room, 5)
        tap.wake()
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 15
    assert waiting(room) == 100
    eventually(lambda: not is_up(tap), "the outage being seen", within=30)
    own_broker.up()
    # A killed one has forgotten the first.
    check_backlog_is_published(room, tap, own_broker)
    topics = AdminClient({"bootstrap.servers": own_broker.bootstrap, "log_level": 0}).list_topics(timeout=20).topics
    assert [len(topics[name].partitions) for name in (MESSAGES, USERS)] == [12, 12]
    tap.stop()
    own_broker.clear()
