"""The send batcher: a few lanes (``lane.py``), each for some of the conversations, take turns at the database."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from services.chat.messages.lane import After, Item, Lane, Result, SendBatch, Tell
from services.chat.messages.turns import Turns

LANES = 2  # each more makes batches smaller
WAIT_SECONDS = 20.0
LOOK_SECONDS = 1.0  # how often tickets are looked through for those that have waited so long
ALONE_SECONDS = 6.0  # for all items of a batch that is sent one by one; then a locked row has held its threads enough


class Batcher:
    """``send_batch`` answers one result per item, in their order; ``tell`` hears of those that came with a ticket.

    ``after`` is called in the thread of each batch once all of it are told, with whether that thread has time to spare.
    """

    def __init__(
        self,
        send_batch: SendBatch,
        tell: Tell = lambda _: None,
        after: After = lambda _: None,
        *,
        wait_seconds: float = WAIT_SECONDS,
        alone_seconds: float = ALONE_SECONDS,
    ) -> None:
        # One more than lanes, for what `after` waits for. Each is made when there is first something to do for it.
        threads = ThreadPoolExecutor(LANES + 1, "sends")
        turns = Turns()
        self._lanes = [Lane(send_batch, tell, after, threads, turns, wait_seconds, alone_seconds) for _ in range(LANES)]
        self._looked_at = time.monotonic()

    def send(self, conversation_id: UUID, item: Item) -> Result:
        """The item's result once its batch is committed. Raises SendQueueFull, Contention or Unavailable."""
        return self._lane(conversation_id).send(item)

    def submit(self, conversation_id: UUID, item: Item, ticket: object) -> None:
        """Returns at once; nothing happens before ``set_out``. Raises SendQueueFull."""
        self._lane(conversation_id).submit(item, ticket)

    def set_out(self) -> None:
        """Sends what was submitted."""
        for lane in self._lanes:
            lane.set_out()
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            for lane in self._lanes:
                lane.give_up()

    def _lane(self, conversation_id: UUID) -> Lane:
        return self._lanes[conversation_id.int % LANES]
