"""Publishes what was committed to Kafka, from a table of its own and in a thread of its own: nobody waits for it.

With the broker away its rows wait in Postgres. A key is published by one process at a time, so its order is kept; what
was published and not yet finished when a process died is published again under the same id.
"""

from __future__ import annotations

import atexit
import random
import threading
import time

import structlog
from confluent_kafka import KafkaException
from prometheus_client import Counter, Gauge

from services.chat.kafka.connection import MESSAGES, USERS, make_topics
from services.chat.kafka.events import as_record
from services.chat.kafka.publisher import Outcome, Publisher
from services.chat.settings import ChatSettings
from shared.database import Database
from shared.errors import AppError, Unavailable

TAKEN_EVENTS = 200  # of up to 250 kB in groups of 5,000
POLL_SECONDS = 1.0  # for what other processes wrote, and auth
BUSY_SECONDS = 0.03
LONGEST_PAUSE_SECONDS = 5.0
CLAIM_SECONDS = 60.0
MEASURE_SECONDS = 5.0
STOP_SECONDS = 3.0

EVENTS = Counter("pulse_kafka_events_total", "Events handed to Kafka", ["outcome"])
WAITING = Gauge("pulse_kafka_waiting", "Committed events not published yet", multiprocess_mode="mostrecent")
OLDEST = Gauge("pulse_kafka_oldest_seconds", "Age of the oldest unpublished event", multiprocess_mode="mostrecent")
PARKED = Gauge("pulse_kafka_parked", "Events Kafka refuses, given up", multiprocess_mode="mostrecent")

log = structlog.get_logger()


class BrokerAway(Exception):
    pass


class Tap:
    """``delivers``: the bridge feeds sockets from the topics, so that an acknowledgement is the push too."""

    def __init__(self, database: Database, settings: ChatSettings) -> None:
        self._database = database
        self._settings = settings
        self._delivers = settings.delivery == "kafka"
        self._publisher: Publisher | None = None
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._claimed_at = self._measured_at = self._caught_up_at = float("-inf")
        self._trouble: str | None = "not asked yet"
        self._waiting = 0

    def start(self) -> None:
        """Called in each worker after the fork."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
            self._thread.start()
            atexit.register(self.stop)

    def stop(self) -> None:
        """What is on its way is finished or given back, for at most STOP_SECONDS."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def close(self) -> None:
        """Of a tap that was not started: its connections."""
        if self._thread is None:
            self._close_publisher()

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    def check(self) -> None:
        """For ``/readyz``. Raises Unavailable, saying how much waits."""
        if self._trouble is not None:
            raise Unavailable(f"not answering; {self._waiting} events wait") from BrokerAway(self._trouble)

    def turn(self) -> float:
        """Publishes what is next. Returns the seconds to wait if nothing wakes it. Raises AppError or BrokerAway."""
        self._claim()
        self._measure()
        publisher = self._connected()
        taken = self._database.call("take_kafka_outbox", page_limit=TAKEN_EVENTS)
        if taken["ids"]:
            self._publish(publisher, taken["ids"])
            return 0.0
        if taken["busy"]:
            return BUSY_SECONDS
        if self._delivers and time.monotonic() - self._caught_up_at > POLL_SECONDS:
            self._caught_up_at = time.monotonic()
            if self._database.call("keep_overdue_for_kafka", page_limit=TAKEN_EVENTS)["kept"]:
                return 0.0
        return POLL_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311  # spreads processes, hides nothing

    def _publish(self, publisher: Publisher, ids: list[str]) -> None:
        records = [as_record(row) for row in self._database.call("render_kafka_outbox", ids=ids)]
        outcome = publisher.publish(records)
        vanished = list(set(ids) - {record.id for record in records})
        self._settle(outcome, vanished)
        if outcome.failed:
            self._close_publisher()
            raise BrokerAway(outcome.cause)

    def _settle(self, outcome: Outcome, vanished: list[str]) -> None:
        """What failed is released first: the rest is safe to repeat, and the order of a key is not lost by it."""
        EVENTS.labels("published").inc(len(outcome.acknowledged))
        if outcome.failed:
            EVENTS.labels("failed").inc(len(outcome.failed))
            self._database.call("release_kafka_outbox", ids=outcome.failed)
        if outcome.refused:
            EVENTS.labels("refused").inc(len(outcome.refused))
            log.error("kafka_refused", outbox_ids=outcome.refused[:20], cause=outcome.cause)
            self._database.call("refuse_kafka_outbox", ids=outcome.refused, delivers=self._delivers)
        if outcome.acknowledged or vanished:
            self._database.call("finish_kafka_outbox", ids=outcome.acknowledged + vanished, delivers=self._delivers)

    def _connected(self) -> Publisher:
        """A producer that has met its broker. Rows are taken only then: others may reach it."""
        if self._publisher is not None:
            self._publisher.listen()
            if lost := self._publisher.lost:
                self._close_publisher()
                raise BrokerAway(str(lost))
        if self._publisher is None:
            try:
                publisher = Publisher(self._settings, self._stopping.is_set)
            except KafkaException as error:  # its file of certificates was changed since the start
                raise BrokerAway(str(error)) from error
            try:
                publisher.check()
                partitions, replication = self._settings.kafka_partitions, self._settings.kafka_replication
                make_topics(self._settings, (MESSAGES, USERS), partitions, replication)
            except KafkaException as error:
                publisher.listen()
                publisher.close()
                raise BrokerAway(str(publisher.lost or error)) from error
            self._publisher = publisher
        if self._trouble is not None:
            log.info("kafka_connected")
            self._trouble = None
        return self._publisher

    def _close_publisher(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None

    def _claim(self) -> None:
        if time.monotonic() - self._claimed_at > CLAIM_SECONDS:
            self._database.call("claim_kafka_tap")
            self._claimed_at = time.monotonic()

    def _measure(self) -> None:
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = time.monotonic()
        found = self._database.call("measure_kafka_outbox")
        self._waiting = found["waiting"]
        WAITING.set(found["waiting"])
        OLDEST.set(found["oldest_seconds"])
        PARKED.set(found["parked"])

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                pause = self.turn()
            except BrokerAway as error:
                pause = min(max(pause, POLL_SECONDS) * 1.5, LONGEST_PAUSE_SECONDS)
                if self._trouble is None or self._trouble == "not asked yet":
                    log.warning("kafka_away", cause=str(error))
                self._trouble = str(error)
                self._stopping.wait(pause)  # and not _woken: each message would try again
                continue
            except AppError as error:
                pause = min(max(pause, POLL_SECONDS) * 1.5, LONGEST_PAUSE_SECONDS)
                log.warning("tap_failed", cause=repr(error.__cause__ or error))
            except Exception:
                pause = LONGEST_PAUSE_SECONDS
                log.exception("tap_failed")
            if pause:
                self._woken.wait(pause)
        self._close_publisher()
