"""Somebody else's consumer, without a group: what is published from a moment on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from services.chat.kafka.connection import MESSAGES, USERS
from shared.wire import wire_time
from tests.system.waiting import eventually

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Heard:
    topic: str
    partition: int
    key: str
    value: dict[str, Any]
    size: int


def ends(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """The first offset there is, and the one after the last. A topic just made has no leaders for a moment."""

    def ask() -> tuple[int, int] | None:
        try:
            return consumer.get_watermark_offsets(place, timeout=10)
        except KafkaException:
            return None

    found = eventually(ask, f"{place} having a leader")
    assert found is not None
    return found


class Listener:
    def __init__(self, bootstrap: str, topics: tuple[str, ...] = (MESSAGES, USERS), *, whole: bool = False) -> None:
        """``whole``: from the topics' beginning."""
        # Some brokers count their last batch as one record: what of it is heard again is older than this.
        self._since = "" if whole else wire_time(time.time())
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "listener", "enable.auto.commit": False, "log_level": 0}
        )
        places = []
        known = self._consumer.list_topics(timeout=10).topics
        for topic in topics:
            for partition in known[topic].partitions:
                first, end = ends(self._consumer, TopicPartition(topic, partition))
                places.append(TopicPartition(topic, partition, first if whole else end))
        self._consumer.assign(places)
        self.heard: list[Heard] = []

    def wait_for(self, count: int, within: float = PATIENCE_SECONDS) -> list[Heard]:
        """At least so many in all, heard already or still to come."""
        until = time.monotonic() + within
        while len(self.heard) < count:
            assert time.monotonic() < until, f"{len(self.heard)} of {count} heard"
            self._listen(0.2)
        return self.heard

    def stay(self, seconds: float) -> list[Heard]:
        """What there is after so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._listen(0.1)
        return self.heard

    def close(self) -> None:
        self._consumer.close()

    def _listen(self, seconds: float) -> None:
        for message in self._consumer.consume(500, seconds):
            if message.error() is None:
                raw = message.value() or b""
                value, key = json.loads(raw), (message.key() or b"").decode()
                if value["occurred_at"] >= self._since:
                    self.heard.append(Heard(message.topic() or "", message.partition() or 0, key, value, len(raw)))
