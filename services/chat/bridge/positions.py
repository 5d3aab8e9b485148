"""How far behind the bridge is, and whether the log it reads is still the one it began."""

from __future__ import annotations

import time

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition
from prometheus_client import Gauge

from shared.errors import Unavailable

CHECK_SECONDS = 2.0
ANSWER_SECONDS = 2.0
STALE_SECONDS = 15.0
LAG = Gauge("pulse_bridge_lag", "Records not read yet", ["topic", "partition"])

log = structlog.get_logger()


class Positions:
    """Of one consumer; ``check`` is called from its thread."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._checked_at = float("-inf")
        self._answered_at = float("-inf")
        self._ends: dict[tuple[str, int], int] = {}

    def check(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        try:
            for place in self._consumer.position(self._consumer.assignment()):
                self._check_one(place)
            self._consumer.list_topics(timeout=ANSWER_SECONDS)
            self._answered_at = time.monotonic()
        except KafkaException as error:
            log.warning("positions_not_known", cause=str(error))
        self._checked_at = time.monotonic()

    def check_fresh(self) -> None:
        """For ``/readyz``. Raises Unavailable."""
        if time.monotonic() - self._answered_at > STALE_SECONDS:
            raise Unavailable("not answering")

    def forget(self, places: set[tuple[str, int]]) -> None:
        for topic, partition in places:
            self._ends.pop((topic, partition), None)
            LAG.remove(topic, str(partition))

    def _check_one(self, place: TopicPartition) -> None:
        first, end = self._consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS)
        known = place.offset != OFFSET_INVALID
        LAG.labels(place.topic, str(place.partition)).set(max(0, end - (place.offset if known else first)))
        former_end = self._ends.get((place.topic, place.partition), end)
        self._ends[(place.topic, place.partition)] = end
        # Not by the position: a broker may count its last batch as one record. Kafka itself says OFFSET_OUT_OF_RANGE.
        if known and end < former_end:
            log.warning("log_was_lost", topic=place.topic, partition=place.partition, position=place.offset, end=end)
            self._consumer.seek(TopicPartition(place.topic, place.partition, first))
