"""Records that can't be delivered go to a topic of their own, as they are, and the others go on."""

from __future__ import annotations

import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from prometheus_client import Counter

from services.chat.kafka.connection import DEAD, make_topics
from services.chat.kafka.publisher import REFUSED, Publisher, Record
from services.chat.kafka.settings import KafkaSettings
from shared.errors import Unavailable

SET_ASIDE = Counter("pulse_bridge_set_aside_total", "Records given up", ["kept"])
PARTITIONS = 1
NEVER = REFUSED | {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
}
"""Not kept, and no reason for everybody's messages to wait: the log names the record's place."""

log = structlog.get_logger()


class DeadLetters:
    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._publisher: Publisher | None = None

    def set_aside(self, message: Message, reason: str) -> None:
        """Returns once the record is kept in ``chat.dead``, or when the broker says that it never will be.

        Raises Unavailable when the broker is away.
        """
        place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        headers = tuple((name, str(value).encode()) for name, value in {**place, "reason": reason}.items())
        record = Record("", DEAD, message.key(), message.value(), headers)
        try:
            outcome = self._connected().publish([record])
        except KafkaException as error:
            raise Unavailable() from error
        kept = bool(outcome.acknowledged)
        if not kept:
            self.close()
            if outcome.error is None or outcome.error.code() not in NEVER:
                raise Unavailable(f"{DEAD} does not take records: {outcome.cause}")
        SET_ASIDE.labels("yes" if kept else "no").inc()
        log.error("record_set_aside", **place, reason=reason, kept=kept)

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _connected(self) -> Publisher:
        if self._publisher is None:
            make_topics(self._settings, (DEAD,), PARTITIONS, None)
            self._publisher = Publisher(self._settings)
        return self._publisher
