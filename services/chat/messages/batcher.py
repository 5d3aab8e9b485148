"""The send batcher: everything that waits becomes one SQL call, and a lone message never waits.

There is no timer and no thread of its own. Of the request threads that want to write to a lane, the first becomes its
leader and runs the call for all who wait; those who come meanwhile wait for the next batch, and one of them leads it.
So a batch is as large as the last call was slow, and a message that comes alone goes at once, in its own thread.

A lane is chosen by the conversation, so that a row somebody holds locked stalls one lane and not the others, and two
calls never wait for each other's rows in this process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Histogram

from services.chat.errors import SendQueueFull
from shared.database import Contention, OutcomeUnknown
from shared.errors import Unavailable

LANES = 4
BATCH_ITEMS = 100
WAITING_ITEMS = 1_000  # of one lane
WAIT_SECONDS = 20.0
ATTEMPTS = 3  # of one item on its own
ALONE_SECONDS = 6.0  # for all items of a batch that is sent one by one; then a locked row has held its threads enough
BATCH_SIZES = Histogram(
    "pulse_send_batch_items", "Messages in one send_messages call", buckets=(1, 2, 5, 10, 20, 50, 100)
)

Item = Any  # whatever send_batch takes
Result = dict[str, Any]
SendBatch = Callable[[list[Item]], list[Result]]

log = structlog.get_logger()


class _Waiting:
    """One item on its way, and the thread that waits for it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.woken = threading.Event()
        self.leads = False
        self.result: Result | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.result is not None or self.error is not None


class _Lane:
    def __init__(self, send_batch: SendBatch, wait_seconds: float, alone_seconds: float) -> None:
        self._send_batch = send_batch
        self._wait_seconds, self._alone_seconds = wait_seconds, alone_seconds
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._led = False

    def send(self, item: Item) -> Result:
        mine = _Waiting(item)
        with self._lock:
            if len(self._waiting) >= WAITING_ITEMS:
                raise SendQueueFull(retry_after_seconds=1)
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.result is not None
        return mine.result

    def _wait(self, mine: _Waiting) -> None:
        if mine.woken.wait(self._wait_seconds):
            return
        with self._lock:
            if mine.leads or mine.done:
                return
            if mine in self._waiting:
                self._waiting.remove(mine)
        raise Unavailable("It is not known whether this was sent. Send it again with the same id.")

    def _lead(self) -> None:
        """Runs one batch, which holds the leader's own item, and passes the lead on."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_ITEMS, len(self._waiting)))]
        try:
            self._run(batch)
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].leads = True
                    self._waiting[0].woken.set()
            for waiting in batch:
                waiting.woken.set()

    def _run(self, batch: list[_Waiting]) -> None:
        BATCH_SIZES.observe(len(batch))
        try:
            results = self._send_known([waiting.item for waiting in batch])
        except Unavailable as error:
            if not isinstance(error, Contention):
                for waiting in batch:  # the database is away: one by one would only take longer
                    waiting.error = error
                return
        except Exception:
            log.exception("batch_failed", items=len(batch))
        else:
            for waiting, result in zip(batch, results, strict=True):
                waiting.result = result
            return
        until = time.monotonic() + self._alone_seconds
        for waiting in batch:
            self._run_alone(waiting, until)

    def _run_alone(self, waiting: _Waiting, until: float) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            if time.monotonic() > until:
                waiting.error = Contention(retry_after_seconds=1)
                return
            try:
                waiting.result = self._send_known([waiting.item])[0]
                return
            except Contention as error:
                if attempt == ATTEMPTS:
                    waiting.error = error
            except Exception as error:
                waiting.error = error
                return

    def _send_known(self, items: list[Item]) -> list[Result]:
        """Asks again where the first outcome is not known: the ids make that safe."""
        try:
            return self._send_batch(items)
        except OutcomeUnknown:
            return self._send_batch(items)


class Batcher:
    """``send_batch`` answers one result per item, in their order."""

    def __init__(
        self, send_batch: SendBatch, *, wait_seconds: float = WAIT_SECONDS, alone_seconds: float = ALONE_SECONDS
    ) -> None:
        self._lanes = [_Lane(send_batch, wait_seconds, alone_seconds) for _ in range(LANES)]

    def send(self, conversation_id: UUID, item: Item) -> Result:
        """The item's result once its batch is committed. Raises SendQueueFull, Contention or Unavailable."""
        return self._lanes[conversation_id.int % LANES].send(item)
