"""Delivers what the process that wrote it could not: overdue outbox rows, leased, by every chat process.

Where the bridge feeds the sockets (``DELIVERY=kafka``) the tap takes those rows, and this only measures.
"""

from __future__ import annotations

import random
import threading
import time

import structlog
from prometheus_client import Gauge

from services.chat.relay.pusher import Push, Pusher
from shared.database import Database
from shared.errors import AppError

SWEEP_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
SWEEP_EVENTS = 200
MEASURE_SECONDS = 10.0
TIDY_SECONDS = 600.0

WAITING = Gauge("pulse_outbox_waiting", "Committed events not delivered yet", multiprocess_mode="mostrecent")
PARKED = Gauge("pulse_outbox_parked", "Events given up as malformed", multiprocess_mode="mostrecent")
OLDEST = Gauge("pulse_outbox_oldest_seconds", "Age of the oldest undelivered event", multiprocess_mode="mostrecent")

log = structlog.get_logger()


class Sweeper:
    def __init__(self, database: Database, pusher: Pusher, *, delivers: bool = True) -> None:
        self._database = database
        self._pusher = pusher
        self._delivers = delivers
        self._measured_at = self._tidied_at = float("-inf")
        self._started = False
        self._most = SWEEP_EVENTS

    def start(self) -> None:
        """Called in each worker after the fork."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="sweeper", daemon=True).start()

    def sweep(self) -> int:
        """Delivers up to SWEEP_EVENTS overdue events, fewer of large groups, and returns how many.
        Raises AppError when it can't."""
        pushes = [Push.from_delivery(row) for row in self._database.call("take_outbox", page_limit=self._most)]
        if pushes:
            try:
                self._pusher.deliver(pushes)
            except AppError:
                self._most = max(1, len(pushes) // 2)  # perhaps it was too much at once
                raise
            self._most = min(SWEEP_EVENTS, self._most * 2)
        return len(pushes)

    def turn(self) -> bool:
        """Whether there may be more to deliver. Raises AppError."""
        try:
            more = self._delivers and self.sweep() > 0
        finally:
            self._measure()  # its figures tell most while nothing can be delivered
        self._tidy()
        return more

    def _run(self) -> None:
        pause = SWEEP_SECONDS
        while True:
            try:
                pause = 0.0 if self.turn() else SWEEP_SECONDS
            except AppError as error:
                pause = min(max(pause, SWEEP_SECONDS) * 1.5, LONGEST_PAUSE_SECONDS)
                log.warning("sweep_failed", cause=repr(error.__cause__ or error))
            except Exception:
                pause = LONGEST_PAUSE_SECONDS
                log.exception("sweep_failed")
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  # spreads processes, hides nothing

    def _measure(self) -> None:
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = time.monotonic()
        found = self._database.call("measure_outbox")
        WAITING.set(found["waiting"])
        PARKED.set(found["parked"])
        OLDEST.set(found["oldest_seconds"])

    def _tidy(self) -> None:
        """Drops what waits for a Kafka that no process has published to for a week."""
        if time.monotonic() - self._tidied_at > TIDY_SECONDS:
            dropped = self._database.call("drop_kafka_tap", unless_claimed=True)["dropped"]
            if dropped:
                log.warning("kafka_tap_dropped", events=dropped)
            else:
                self._tidied_at = time.monotonic()
