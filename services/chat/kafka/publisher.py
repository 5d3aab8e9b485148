"""A producer for as long as it works: idempotent, acknowledged by all replicas, in one thread.

Whatever fails, this producer has failed and a new one is made: an idempotent producer never recovers from a broker
that forgot it (UNKNOWN_PRODUCER_ID, then timed out for ever).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.chat.kafka.connection import ANSWER_SECONDS, connection_options, error_of
from services.chat.kafka.settings import KafkaSettings

PUBLISH_SECONDS = 10.0  # shorter than the lease of what is published
HURRIED_SECONDS = 1.5
LOST = {KafkaError._FATAL, KafkaError._AUTHENTICATION, KafkaError._ALL_BROKERS_DOWN}
REFUSED = {  # what is said of the record itself
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.INVALID_MSG,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
    KafkaError.RECORD_LIST_TOO_LARGE,
}


@dataclass(frozen=True, slots=True)
class Record:
    id: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Outcome:
    """The ids of each kind; ``error`` is the last thing that went wrong."""

    acknowledged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    error: KafkaError | None = None

    @property
    def cause(self) -> str:
        return str(self.error or "no answer")


class Publisher:
    """``hurried`` says that the process is ending and nobody waits long any more."""

    def __init__(self, settings: KafkaSettings, hurried: Callable[[], bool] = lambda: False) -> None:
        self._hurried = hurried
        self.lost: KafkaError | None = None
        options = connection_options(settings) | {
            "acks": "all",
            "enable.idempotence": True,
            "allow.auto.create.topics": False,  # a broker that forgot them would make them with its own partitions
            "compression.type": "lz4",
            "linger.ms": 2,
            "message.timeout.ms": int(PUBLISH_SECONDS * 1000),
            "request.timeout.ms": 5_000,
            "socket.timeout.ms": 6_000,
            "error_cb": self._hear,
        }
        self._producer = Producer(options)

    def check(self) -> None:
        """Raises KafkaException unless the broker answers."""
        self._producer.list_topics(timeout=ANSWER_SECONDS)
        self._producer.poll(0)
        self.lost = None  # what was heard before it answered

    def listen(self) -> None:
        """Hears what befell the connection meanwhile: ``lost`` says so."""
        self._producer.poll(0)

    def publish(self, records: list[Record]) -> Outcome:
        """Returns when the broker has said something to each, or was given up."""
        outcome = Outcome()
        open_ids = {record.id for record in records}

        def settle(record_id: str, error: KafkaError | None) -> None:
            if record_id not in open_ids:
                return
            open_ids.remove(record_id)
            if error is None:
                outcome.acknowledged.append(record_id)
                return
            outcome.error = error
            (outcome.refused if error.code() in REFUSED else outcome.failed).append(record_id)

        for record in records:
            self._produce(record, settle)
        began = time.monotonic()
        while open_ids and self.lost is None:
            self._producer.poll(0.05)
            if time.monotonic() - began > (HURRIED_SECONDS if self._hurried() else PUBLISH_SECONDS + 1):
                break
        outcome.failed += open_ids
        outcome.error = outcome.error or self.lost
        open_ids.clear()
        return outcome

    def close(self) -> None:
        """Without waiting for what is on its way. Its threads and connections end here."""
        self._producer.purge()
        self._producer.flush(0.5)
        # It knows this object, which hears its errors: as a circle both would stay until garbage is looked for.
        del self._producer

    def _produce(self, record: Record, settle: Callable[[str, KafkaError | None], None]) -> None:
        def reported(error: KafkaError | None, _message: Message) -> None:
            settle(record.id, error)

        try:
            self._producer.produce(
                record.topic, record.value, record.key, headers=list(record.headers), on_delivery=reported
            )
        except BufferError:
            settle(record.id, KafkaError(KafkaError._QUEUE_FULL))
        except KafkaException as error:
            settle(record.id, error_of(error))
        self._producer.poll(0)

    def _hear(self, error: KafkaError) -> None:
        if error.fatal() or (error.code() in LOST and self.lost is None):  # the first says why
            self.lost = error
