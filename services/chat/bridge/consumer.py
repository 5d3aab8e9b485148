"""Reads the topics as one of a group, delivers, and only then commits: a killed bridge repeats, and loses nothing.

While the websocket service is away the partitions are paused and still polled, so that the group keeps this member.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.chat.bridge.delivery import Delivery
from services.chat.bridge.positions import Positions
from services.chat.kafka.connection import MESSAGES, USERS, connection_options
from services.chat.kafka.settings import KafkaSettings
from shared.errors import Unavailable

GROUP = "pulse-bridge"
BATCH_RECORDS = 200
BATCH_BYTES = 4_000_000
POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0

log = structlog.get_logger()


class ConsumerLost(Exception):
    """This consumer can't go on; a new one can."""


class BridgeConsumer:
    """One consumer's life: ``run`` ends when ``stopping`` is set, or by ConsumerLost when it must be made anew."""

    def __init__(self, settings: KafkaSettings, delivery: Delivery, stopping: threading.Event) -> None:
        self._delivery = delivery
        self._stopping = stopping
        self._batch: list[Message] = []
        self._heard: set[int] = set()
        self._most = BATCH_RECORDS
        options = connection_options(settings) | {
            "group.id": GROUP,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # How long a killed bridge's partitions wait for another; 6 s is the least brokers allow.
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 2_000,
            "queued.max.messages.kbytes": 16_384,
            "fetch.wait.max.ms": 100,  # some brokers answer no sooner, whatever comes
            "topic.metadata.refresh.interval.ms": 10_000,
            "error_cb": self._hear,
        }
        self._consumer = Consumer(options)
        self.positions = Positions(settings, self._consumer)

    def run(self) -> None:
        self._consumer.subscribe([MESSAGES, USERS], on_revoke=self._forget, on_lost=self._forget)
        try:
            while not self._stopping.is_set():
                self._take(self._consumer.poll(POLL_SECONDS))
                self.positions.check()
                if self._batch:
                    self._fill()
                    self._deliver()
        finally:
            self._consumer.close()
            # They know each other: as a circle their threads would stay until garbage is looked for.
            del self._consumer, self.positions

    def _hear(self, error: KafkaError) -> None:
        """What no waiting mends, once; that a broker is away says ``positions``."""
        if error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL) and error.code() not in self._heard:
            self._heard.add(error.code())
            log.error("kafka_refuses", cause=str(error))

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        error = message.error()
        if error is None:
            self._batch.append(message)
        elif error.fatal() or error.code() in (KafkaError._MAX_POLL_EXCEEDED, KafkaError.UNKNOWN_TOPIC_OR_PART):
            # An unknown topic was known a moment ago, or is about to be made: positions in it mean nothing any more.
            raise ConsumerLost(str(error))
        else:
            log.warning("kafka_said", cause=str(error))

    def _fill(self) -> None:
        """What else is here already; a lone record does not wait."""
        while len(self._batch) < self._most and sum(map(len, self._batch)) < BATCH_BYTES:
            more = self._consumer.consume(min(50, self._most - len(self._batch)), timeout=0)
            for message in more:
                self._take(message)
            if not more:
                return

    def _deliver(self) -> None:
        """Until the batch is accepted, revoked, or the bridge is stopped."""
        pause = 0.2
        held = False
        while self._batch and not self._stopping.is_set():
            part = self._batch[: self._most]
            try:
                self._delivery.deliver(part)
            except Unavailable as error:
                # Perhaps it was too much at once.
                self._most = max(1, self._most // 2)
                if not held:
                    log.warning("deliver_failed", records=len(part), cause=repr(error.__cause__ or error))
                held = True
                self._wait(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            else:
                pause = 0.2
                self._most = min(BATCH_RECORDS, self._most * 2)
                self._commit(part)
                self._batch = self._batch[len(part) :]
        if held and not self._stopping.is_set():
            log.info("deliver_resumed")
            self._each_assigned(self._consumer.resume)

    def _wait(self, seconds: float) -> None:
        """Polls meanwhile, of paused partitions: rebalances are answered, nothing is fetched in vain."""
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            self._each_assigned(self._consumer.pause)
            self._take(self._consumer.poll(min(left, POLL_SECONDS)))
            self.positions.check()

    def _each_assigned(self, act: Callable[[list[TopicPartition]], None]) -> None:
        if assigned := self._consumer.assignment():
            act(assigned)

    def _commit(self, delivered: list[Message]) -> None:
        ends = {(message.topic() or "", message.partition() or 0): (message.offset() or 0) + 1 for message in delivered}
        try:
            self._consumer.commit(
                offsets=[TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()],
                asynchronous=False,
            )
        except KafkaException as error:
            # Whoever reads from there again repeats what was delivered, and clients drop it.
            log.warning("commit_failed", cause=str(error))

    def _forget(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They are somebody else's now, who starts at what was committed."""
        gone = {(one.topic, one.partition) for one in partitions}
        self._batch = [message for message in self._batch if (message.topic(), message.partition()) not in gone]
        self.positions.forget(gone)
