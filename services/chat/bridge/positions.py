"""How far behind the bridge is, and whether the log it reads is still the one it began."""

from __future__ import annotations

import time

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its way to export it
from prometheus_client import Gauge

from services.chat.kafka.connection import connection_options
from services.chat.kafka.settings import KafkaSettings
from shared.errors import Unavailable

CHECK_SECONDS = 2.0
ANSWER_SECONDS = 2.0
STALE_SECONDS = 15.0
LAG = Gauge("pulse_bridge_lag", "Records not read yet", ["topic", "partition"])

log = structlog.get_logger()


class Positions:
    """Of one consumer; ``check`` is called from its thread.

    The ends are asked over a connection of their own: on the consumer's each question waits for its long poll.
    """

    def __init__(self, settings: KafkaSettings, consumer: Consumer, admin: AdminClient | None = None) -> None:
        self._consumer = consumer
        options = connection_options(settings) | {"socket.timeout.ms": int(ANSWER_SECONDS * 1000)}
        self._admin = admin or AdminClient(options)
        self._checked_at = float("-inf")
        self._answered_at = float("-inf")
        self._ends: dict[tuple[str, int], int] = {}
        self._away = False

    def check(self) -> None:
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        try:
            self.look()
            self._answered_at = time.monotonic()
            self._away = False
        except KafkaException as error:
            if not self._away:
                log.warning("kafka_away", cause=str(error))
            self._away = True
        self._checked_at = time.monotonic()

    def look(self) -> None:
        """Now, whenever it was last done. Raises KafkaException."""
        if assigned := self._consumer.assignment():
            self._check_assigned(self._consumer.position(assigned))
        else:
            self._admin.list_topics(timeout=ANSWER_SECONDS)

    def check_fresh(self) -> None:
        """For ``/readyz``. Raises Unavailable."""
        if time.monotonic() - self._answered_at > STALE_SECONDS:
            raise Unavailable("not answering")

    def forget(self, places: set[tuple[str, int]]) -> None:
        for topic, partition in places:
            self._ends.pop((topic, partition), None)
            LAG.remove(topic, str(partition))

    def _check_assigned(self, places: list[TopicPartition]) -> None:
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # published without types
        asked = {TopicPartition(place.topic, place.partition): latest for place in places}
        answers = self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
        ends = {(at.topic, at.partition): answer.result().offset for at, answer in answers.items()}
        for place in places:
            end = ends[(place.topic, place.partition)]
            if end < 0:  # a broker that has just come back may not know it yet, and calls that no error
                continue
            known = place.offset != OFFSET_INVALID
            if known:
                LAG.labels(place.topic, str(place.partition)).set(max(0, end - place.offset))
            former_end = self._ends.get((place.topic, place.partition), end)
            self._ends[(place.topic, place.partition)] = end
            # Not by the position: a broker may count its last batch as one record. Kafka says OFFSET_OUT_OF_RANGE.
            if known and end < former_end:
                where = {"topic": place.topic, "partition": place.partition}
                log.warning("log_was_lost", **where, position=place.offset, end=end)
                self._consumer.seek(TopicPartition(place.topic, place.partition, 0))
