"""Pushes what was committed to the websocket service: at once, in batches, and one push at a time in a process.

Where none is under way, the thread that committed begins one and, having nothing else to do, waits for its answer: to
wake another costs more than all else here. What comes meanwhile the pusher's own thread takes, all of it together.

A push that fails costs nothing but time: the outbox row stays, and the sweeper of any chat process takes it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from prometheus_client import Counter, Histogram

from shared.database import Database
from shared.errors import AppError, Unavailable
from shared.kept_post import KeptPost
from shared.service_client import ServiceClient, ServiceRefused, encode

BATCH_EVENTS = 200
BATCH_RECIPIENTS = 50_000  # a user id is 39 bytes of what /deliver takes; one event may have more, alone
WAITING_EVENTS = 2_000  # of up to 32 kB each
SETTLE_SECONDS, SETTLE_EVENTS = 0.05, 500  # well within a row's first lease of 5 s
MALFORMED = {400, 413, 422}  # what the websocket service says of the events themselves

PUSHED = Counter("pulse_relay_events_total", "Events handed to the websocket service", ["outcome"])
ACCEPTED = PUSHED.labels("accepted")
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
        self._post = KeptPost(websocket, "/deliver")  # for whoever has what is under way
        self._database = database
        self._wake_tap = wake_tap
        self._hints_only = hints_only
        self._waiting: deque[Push] = deque()
        self._most = BATCH_EVENTS
        self._filled = threading.Condition()
        self._thread: threading.Thread | None = None
        self._under_way: list[Push] = []  # not answered yet
        self._began = 0.0
        self._whose: int | None = None  # the thread that began it and is to end it; None: the pusher's own
        self._accepted: list[Push] = []  # whose rows are in the outbox still
        self._settled_at = float("-inf")

    def start(self) -> None:
        """Called in each worker after the fork."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)
            self._thread.start()

    def push(self, pushes: list[Push]) -> None:
        """Hands over without waiting. Beyond the bound an event is left to the sweeper, a hint is dropped."""
        with self._filled:
            self._keep(pushes)
            self._filled.notify()

    def begin(self, pushes: list[Push]) -> None:
        """The same, but where no push is under way one sets out from here: this thread has to call ``end`` soon."""
        with self._filled:
            self._keep(pushes)
            if self._thread is None or self._under_way or not self._waiting:
                return
            self._under_way, self._whose = self._take_batch(), threading.get_ident()
        self._set_out()

    def end(self, *, here: bool) -> None:
        """Waits for the answer to what this thread began, if it did. Not ``here``: in the pusher's thread."""
        if self._whose != threading.get_ident():
            return
        if here:
            self._hear()
            return
        with self._filled:
            self._whose = None
            self._filled.notify()

    def deliver(self, pushes: list[Push]) -> None:
        """Delivers now and clears the outbox of it. Raises Unavailable with the rows free for any sweeper."""
        self._settle("finish_outbox", self._read_answer(pushes, lambda: self._post_apart(pushes)))

    def _post_apart(self, pushes: list[Push]) -> None:
        """Beside what is under way."""
        with PUSH_SECONDS.time():
            self._websocket.post_encoded("/deliver", _write(pushes))

    def _keep(self, pushes: list[Push]) -> None:
        if self._wake_tap is not None and any(push.outbox_id for push in pushes):
            self._wake_tap()
        wanted = [push for push in pushes if push.to and not (self._hints_only and push.outbox_id)]
        room = WAITING_EVENTS - len(self._waiting)
        self._waiting.extend(wanted[:room])
        if len(wanted) > room:
            PUSHED.labels("left").inc(len(wanted) - room)

    def _set_out(self) -> None:
        """Sends what is under way, without waiting and without raising."""
        self._began = time.perf_counter()
        try:
            self._post.begin(_write(self._under_way))
        except Exception:
            log.exception("push_failed", events=len(self._under_way))
            self._arrive([])

    def _hear(self) -> None:
        """Waits for the answer to what is under way. Raises nothing: what failed, the sweeper takes."""
        pushes, accepted = self._under_way, list[Push]()
        try:
            accepted = self._read_answer(pushes, self._post.finish)
            self._most = min(BATCH_EVENTS, self._most * 2)
        except AppError as error:
            self._most = max(1, len(pushes) // 2)  # perhaps it was too much at once
            log.warning("push_failed", events=len(pushes), cause=repr(error.__cause__ or error))
        except Exception:
            log.exception("push_failed", events=len(pushes))
        finally:
            PUSH_SECONDS.observe(time.perf_counter() - self._began)
            self._arrive(accepted)

    def _arrive(self, accepted: list[Push]) -> None:
        """Nothing is under way any more."""
        with self._filled:
            if self._waiting or (accepted and not self._accepted):
                self._filled.notify()
            self._under_way, self._whose = [], None
            self._accepted += accepted

    def _read_answer(self, pushes: list[Push], answer: Callable[[], object]) -> list[Push]:
        """What was accepted, and is in the outbox still."""
        try:
            answer()
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
        ACCEPTED.inc(len(pushes))
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
            try:
                if self._wait_for_turn():
                    self._hear()
                self._settle_accepted()
            except AppError as error:
                log.warning("outbox_not_settled", cause=repr(error.__cause__ or error))
            except Exception:
                log.exception("outbox_not_settled")

    def _wait_for_turn(self) -> bool:
        """Whether something is under way that is this thread's to hear of; else it is time to settle."""
        with self._filled:
            while not self._under_way or self._whose is not None:
                if self._waiting and not self._under_way:
                    self._under_way = self._take_batch()
                    break
                if not self._filled.wait(SETTLE_SECONDS if self._accepted else None) and self._accepted:
                    return False
            else:
                return True
        self._set_out()
        return bool(self._under_way)

    def _settle_accepted(self) -> None:
        """Rows of what was accepted go together: sockets wait for the next push, and nobody for this."""
        now = time.monotonic()
        with self._filled:
            if now < self._settled_at + SETTLE_SECONDS and len(self._accepted) < SETTLE_EVENTS:
                return
            accepted, self._accepted, self._settled_at = self._accepted, [], now
        self._settle("finish_outbox", accepted)


def _write(pushes: list[Push]) -> bytes:
    body = {"deliveries": [push.delivery for push in pushes]}
    try:
        return orjson.dumps(body)
    except TypeError:  # a number above 64 bits, say
        return encode(body)
