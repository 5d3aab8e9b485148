"""Takes what was sent into the search index, behind the sends: they pay nothing for it.

Until a message is indexed, searching reads it itself (``search_unindexed``), so nobody waits for this to find it.
"""

from __future__ import annotations

import random
import threading
import time

import structlog

from shared.database import Database
from shared.errors import AppError

BATCH = 500  # messages: some 50 ms of one core
IDLE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
REST = 4.0  # times as long as a batch took: however much is sent, indexing takes a fifth of a core

log = structlog.get_logger()


class Indexer:
    """Runs in every chat process; the database lets one of them work at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._started = False
        self._most = BATCH

    def start(self) -> None:
        """Called in each worker after the fork."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="indexer", daemon=True).start()

    def index(self) -> bool:
        """One batch; whether there is more. Raises AppError when it can't."""
        try:
            more: bool = self._database.call("index_messages", page_limit=self._most)["more"]
        except AppError:
            self._most = max(1, self._most // 2)  # perhaps the texts are so long that the batch ran out of time
            raise
        self._most = min(BATCH, self._most * 2)
        return more

    def _run(self) -> None:
        pause = IDLE_SECONDS
        while True:
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  # spreads processes, hides nothing
            began = time.monotonic()
            try:
                more = self.index()
                took = time.monotonic() - began
                # Looking for what is new takes longer the more conversations there are: seldom then.
                pause = min(took * REST if more else max(IDLE_SECONDS, took * REST * 5), LONGEST_PAUSE_SECONDS)
            except AppError as error:
                pause = min(max(pause, IDLE_SECONDS) * 1.5, LONGEST_PAUSE_SECONDS)
                log.warning("indexing_failed", cause=repr(error.__cause__ or error))
            except Exception:
                pause = LONGEST_PAUSE_SECONDS
                log.exception("indexing_failed")
