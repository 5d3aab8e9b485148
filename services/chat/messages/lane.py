"""A lane: everything that waits in it becomes one SQL call, and a lone message never waits.

There is no timer. Of the request threads that want to write to a lane, the first becomes its
leader and runs the call for all who wait; those who come meanwhile wait for the next batch, and one of them leads it.
So a batch is as large as the last call was slow, and a message that comes alone goes at once, in its own thread.

What comes by the short road (``short_road.py``) has a ticket and no thread. It waits in the same lanes, and all that
the worker's loop read in one round sets out together, led by one of a few threads or by a request thread that came
first.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import structlog
from prometheus_client import Histogram

from services.chat.errors import SendQueueFull
from services.chat.messages.turns import Turns
from shared.database import Contention, OutcomeUnknown
from shared.errors import Unavailable

BATCH_ITEMS = 100
WAITING_ITEMS = 1_000
ATTEMPTS = 3  # of one item on its own
BATCH_SIZES = Histogram(
    "pulse_send_batch_items", "Messages in one send_messages call", buckets=(1, 2, 5, 10, 20, 50, 100)
)

NOT_KNOWN = "It is not known whether this was sent. Send it again with the same id."

Item = Any  # whatever send_batch takes
Result = dict[str, Any]
Outcome = Result | Exception
SendBatch = Callable[[list[Item]], list[Result]]
Tell = Callable[[list[tuple[Any, Outcome]]], None]
After = Callable[[bool], None]

log = structlog.get_logger()


class Waiting:
    """One item on its way, and the thread that waits for it; with a ticket there is none."""

    __slots__ = ("error", "item", "leads", "result", "ticket", "told", "until", "woken")

    def __init__(self, item: Item, until: float = math.inf, ticket: object = None) -> None:
        self.item = item
        self.ticket = ticket
        self.until = until
        self.woken = threading.Event() if ticket is None else None
        self.leads = self.told = False
        self.result: Result | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.result is not None or self.error is not None

    @property
    def outcome(self) -> Outcome:
        return self.error or self.result or Unavailable()


class Lane:
    def __init__(
        self,
        send_batch: SendBatch,
        tell: Tell,
        after: After,
        threads: Executor,
        turns: Turns,
        wait_seconds: float,
        alone_seconds: float,
    ) -> None:
        self._send_batch, self._tell, self._after = send_batch, tell, after
        self._threads, self._turns = threads, turns
        self._wait_seconds, self._alone_seconds = wait_seconds, alone_seconds
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._running: list[Waiting] = []
        self._led = False

    def send(self, item: Item) -> Result:
        mine = Waiting(item, time.monotonic() + self._wait_seconds)
        with self._lock:
            self._append(mine)
            mine.leads, self._led = not self._led, True
        while not mine.done:
            if not mine.leads:
                self._wait(mine)
            if mine.leads:
                self._lead_for(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.result is not None
        return mine.result

    def submit(self, item: Item, ticket: object) -> None:
        mine = Waiting(item, time.monotonic() + self._wait_seconds, ticket)
        with self._lock:
            self._append(mine)

    def set_out(self) -> None:
        if not self._waiting:
            return
        with self._lock:
            if self._led or not self._waiting:
                return
            self._led = True
        self._threads.submit(self._lead_on)

    def give_up(self) -> None:
        """Answers tickets that have waited too long, whatever becomes of them."""
        now = time.monotonic()
        with self._lock:
            late = [one for one in (*self._running, *self._waiting) if one.ticket is not None and one.until < now]
            late = [one for one in late if not one.told]
            for one in late:
                one.told = True
            if late:
                self._waiting = deque(one for one in self._waiting if not one.told)
        if late:
            self._tell([(one.ticket, Unavailable(NOT_KNOWN)) for one in late])

    def _append(self, mine: Waiting) -> None:
        if len(self._waiting) >= WAITING_ITEMS:
            raise SendQueueFull(retry_after_seconds=1)
        self._waiting.append(mine)

    def _wait(self, mine: Waiting) -> None:
        assert mine.woken is not None
        if mine.woken.wait(self._wait_seconds):
            return
        with self._lock:
            if mine.leads or mine.done:
                return
            if mine in self._waiting:
                self._waiting.remove(mine)
        raise Unavailable(NOT_KNOWN)

    def _lead_for(self, mine: Waiting) -> None:
        """Leads until its own item was in a batch, or the lead is passed to another: tickets that came before it, and
        have not set out yet, may be more than one batch."""
        mine.leads = False
        while self._lead(stays=False):
            if mine.done:
                self._threads.submit(self._lead_on)
                return

    def _lead_on(self) -> None:
        while self._lead(stays=True):
            pass

    def _lead(self, *, stays: bool) -> bool:
        """Runs one batch and passes the lead on. True when whoever is next has no thread to take it.

        ``stays``: this thread has nothing else to do then.
        """
        more = False
        try:
            more = self._lead_batch()
        finally:
            self._after(stays and not more)
        return more

    def _lead_batch(self) -> bool:
        batch: list[Waiting] = []
        try:
            with self._turns.one():
                with self._lock:
                    batch = [self._waiting.popleft() for _ in range(min(BATCH_ITEMS, len(self._waiting)))]
                    self._running = batch
                if batch:
                    self._run(batch)
        finally:
            with self._lock:
                self._running = []
                self._led = bool(self._waiting)
                next_one = self._waiting[0] if self._led else None
                if next_one is not None and next_one.woken is not None:
                    next_one.leads = True
                    next_one.woken.set()
                told = [one for one in batch if one.ticket is not None and not one.told]
            for waiting in batch:
                if waiting.woken is not None:
                    waiting.woken.set()
            if told:
                self._tell([(one.ticket, one.outcome) for one in told])
        return next_one is not None and next_one.woken is None

    def _run(self, batch: list[Waiting]) -> None:
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

    def _run_alone(self, waiting: Waiting, until: float) -> None:
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
            finally:
                self._after(False)  # the others of the batch may take seconds

    def _send_known(self, items: list[Item]) -> list[Result]:
        """Asks again where the first outcome is not known: the ids make that safe."""
        try:
            return self._send_batch(items)
        except OutcomeUnknown:
            return self._send_batch(items)
