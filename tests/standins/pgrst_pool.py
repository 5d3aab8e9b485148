"""PostgREST's pool: grows to a size, and says apart "no connection free in time" and "no database".

docs.postgrest.org, references/connection_pool, *Acquisition Timeout* and *Automatic Recovery*.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from tests.standins.pgrst_errors import RETRY, PgrstError


class Pool:
    def __init__(self, url: str, size: int, wait_seconds: float) -> None:
        self._url, self._wait = url, wait_seconds
        self._permits = threading.Semaphore(size)
        self._idle: queue.LifoQueue[psycopg.Connection] = queue.LifoQueue()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """In autocommit mode. Raises PgrstError PGRST003 (504) and PGRST000 (503)."""
        if not self._permits.acquire(timeout=self._wait):
            raise PgrstError(504, "PGRST003", "Timed out acquiring connection from connection pool.")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                if connection.closed:
                    self.close()  # the others will be dead too: recovery begins anew
                elif connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.close()
                else:
                    self._idle.put(connection)
        finally:
            self._permits.release()

    def close(self) -> None:
        """Close what nobody uses."""
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _take(self) -> psycopg.Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        try:
            return psycopg.connect(self._url, autocommit=True, application_name="PostgREST", connect_timeout=5)
        except psycopg.OperationalError as error:
            raise PgrstError(
                503, "PGRST000", "Database connection error.", details=str(error), headers=RETRY
            ) from error
