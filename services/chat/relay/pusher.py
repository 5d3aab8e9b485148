"""Pushes what was committed to the websocket service: at once, in batches, in one thread a process.

A push that fails costs nothing but time: the outbox row stays, and the sweeper of any chat process takes it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from shared.database import Database
from shared.errors import AppError, Unavailable
from shared.service_client import ServiceClient, ServiceRefused

BATCH_EVENTS = 200
BATCH_RECIPIENTS = 50_000  # a user id is 39 bytes of what /deliver takes; one event may have more, alone
WAITING_EVENTS = 2_000  # of up to 32 kB each
SETTLE_SECONDS, SETTLE_EVENTS = 0.05, 500  # well within a row's first lease of 5 s
MALFORMED = {400, 413, 422}  # what the websocket service says of the events themselves

PUSHED = Counter("pulse_relay_events_total", "Events handed to the websocket service", ["outcome"])
PUSH_SECONDS = Histogram("pulse_relay_push_seconds", "Time of one POST /deliver")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Push:
    """One event for some people; without ``outbox_id`` it is a hint that may be lost (presence, typing, read).

    ``request_id`` is that of the request which caused it, so that one id is found in the logs of all services.
    """

    outbox_id: str | None
    to: list[str]
    event: str
    data: dict[str, Any]
    request_id: str | None = None

    @classmethod
    def from_delivery(cls, delivery: dict[str, Any]) -> Push:
        return cls(delivery["id"], delivery["to"], delivery["event"], delivery["data"], current_request_id())

    @property
    def delivery(self) -> dict[str, Any]:
        return {
            "to": self.to,
            "events": [{"event": self.event, "data": self.data}],
            **({"request_id": self.request_id} if self.request_id else {}),
        }


def current_request_id() -> str | None:
    """The id of the request this thread is answering."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


class Pusher:
    """``wake_tap`` is told of every commit; with ``hints_only`` sockets hear of those from Kafka, by the bridge."""

    def __init__(
        self,
        websocket: ServiceClient,
        database: Database,
        *,
        wake_tap: Callable[[], None] | None = None,
        hints_only: bool = False,
    ) -> None:
        self._websocket = websocket
        self._database = database
        self._wake_tap = wake_tap
        self._hints_only = hints_only
        self._waiting: deque[Push] = deque()
        self._most = BATCH_EVENTS
        self._filled = threading.Condition()
        self._thread: threading.Thread | None = None
        self._accepted: list[Push] = []  # whose rows are in the outbox still
        self._settled_at = float("-inf")

    def start(self) -> None:
        """Called in each worker after the fork."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)
            self._thread.start()

    def push(self, pushes: list[Push]) -> None:
        """Hands over without waiting. Beyond the bound an event is left to the sweeper, a hint is dropped."""
        if self._wake_tap is not None and any(push.outbox_id for push in pushes):
            self._wake_tap()
        wanted = [push for push in pushes if push.to and not (self._hints_only and push.outbox_id)]
        with self._filled:
            room = WAITING_EVENTS - len(self._waiting)
            self._waiting.extend(wanted[:room])
            self._filled.notify()
        if len(wanted) > room:
            PUSHED.labels("left").inc(len(wanted) - room)

    def deliver(self, pushes: list[Push]) -> None:
        """Delivers now and clears the outbox of it. Raises Unavailable with the rows free for any sweeper."""
        self._settle("finish_outbox", self._hand_over(pushes))

    def _hand_over(self, pushes: list[Push]) -> list[Push]:
        """What was accepted, and is in the outbox still."""
        try:
            with PUSH_SECONDS.time():
                self._websocket.post("/deliver", {"deliveries": [push.delivery for push in pushes]})
        except Unavailable:
            self._settle("release_outbox", pushes)
            PUSHED.labels("failed").inc(len(pushes))
            raise
        except ServiceRefused as error:
            if error.status not in MALFORMED:
                # A wrong SERVICE_TOKEN or WEBSOCKET_URL says nothing about the events: they must not be given up.
                self._settle("release_outbox", pushes)
                PUSHED.labels("failed").inc(len(pushes))
                raise Unavailable() from error
            self._deliver_apart(pushes, error)
            return []
        PUSHED.labels("accepted").inc(len(pushes))
        return pushes

    def _deliver_apart(self, pushes: list[Push], error: ServiceRefused) -> None:
        """Some event is malformed: find it, let the others go on."""
        if len(pushes) > 1:
            for push in pushes:
                self.deliver([push])
            return
        log.error("delivery_refused", refused=pushes[0].event, outbox_id=pushes[0].outbox_id, cause=str(error))
        PUSHED.labels("refused").inc()
        self._settle("refuse_outbox", pushes)

    def _settle(self, function: str, pushes: list[Push]) -> None:
        ids = [push.outbox_id for push in pushes if push.outbox_id]
        if ids:
            self._database.call(function, ids=ids)

    def _take_batch(self) -> list[Push]:
        batch = [self._waiting.popleft()]
        recipients = len(batch[0].to)
        while self._waiting and len(batch) < self._most:
            recipients += len(self._waiting[0].to)
            if recipients > BATCH_RECIPIENTS:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _run(self) -> None:
        while True:
            batch = self._wait_for_batch()
            try:
                if batch:
                    self._accepted += self._hand_over(batch)
                    self._most = min(BATCH_EVENTS, self._most * 2)
                self._settle_accepted()
            except AppError as error:
                self._most = max(1, len(batch) // 2)  # perhaps it was too much at once
                log.warning("push_failed", events=len(batch), cause=repr(error.__cause__ or error))
            except Exception:
                log.exception("push_failed", events=len(batch))

    def _wait_for_batch(self) -> list[Push]:
        """Empty when nothing came while something is left to settle."""
        with self._filled:
            while not self._waiting:
                if not self._filled.wait(SETTLE_SECONDS if self._accepted else None) and self._accepted:
                    return []
            return self._take_batch()

    def _settle_accepted(self) -> None:
        """Rows of what was accepted go together: sockets wait for the next push, and nobody for this."""
        now = time.monotonic()
        if self._accepted and (now >= self._settled_at + SETTLE_SECONDS or len(self._accepted) >= SETTLE_EVENTS):
            accepted, self._accepted, self._settled_at = self._accepted, [], now
            self._settle("finish_outbox", accepted)
