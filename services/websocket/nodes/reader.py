"""Reads the stream for this node: every entry, once and in order; else everybody here is told that they missed some."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog
from prometheus_client import Counter, Gauge

from services.websocket import green
from services.websocket.nodes.stream import End, Entry, Stream, WrongRedis, order
from shared.errors import Unavailable

ENTRIES_A_READ = 100
BLOCK_SECONDS = 1.0
LOOK_SECONDS = 1.0  # how often a flushed or exchanged Redis is looked for
PUZZLED_SECONDS = 10.0  # while another version is about, once in so long is enough to say
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)

READ = Counter("pulse_stream_entries_read_total", "Entries of the stream this node has read")
GAPS = Counter("pulse_stream_gaps_total", "Times the stream did not go on where this node was", ["reason"])
ERRORS = Counter("pulse_redis_errors_total", "Commands Redis refused or did not answer", ["what"])
UP = Gauge("pulse_stream_up", "1 while this node reads the stream")
LAG_SECONDS = Gauge("pulse_stream_lag_seconds", "How far the newest entry is ahead of this node, by their ids")
LAG_ENTRIES = Gauge("pulse_stream_lag_entries", "Entries this node has not read yet, a second ago at most")

log = structlog.get_logger()


class Reader:
    """``apply`` does what an entry's body says; ``missed`` is called after each gap and after every new connection."""

    def __init__(self, stream: Stream, apply: Callable[[bytes], None], missed: Callable[[], None]) -> None:
        self._stream, self._apply, self._missed = stream, apply, missed
        self._end: End | None = None  # as last looked at; None while Redis is away
        self._looked_at = 0.0
        self._last, self._number, self._read_from = b"", 0, b"0-0"
        self._puzzled_at = float("-inf")
        self._said = False  # once is enough for each time Redis is away

    @property
    def up(self) -> bool:
        return self._end is not None

    def check_up(self) -> None:
        """For ``/readyz``."""
        if not self.up:
            raise Unavailable("Redis is not answering: live delivery pauses")

    def begin(self) -> None:
        """Finds its place before the first client is here. Raises WrongRedis; one that is away is waited for later."""
        try:
            self._start_at_end()
        except redis.AuthenticationError:
            raise WrongRedis("REDIS_URL: Redis refuses its user or password") from None
        except redis.ResponseError as error:
            raise WrongRedis(f"REDIS_URL: Redis answers: {error}") from None
        except (redis.RedisError, OSError) as error:
            self._lose(error)

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        failures = 0
        while True:
            try:
                if self._end is None:
                    self._start_at_end()
                    self._missed()
                self._read()
                failures = 0
            except (redis.RedisError, OSError, WrongRedis) as error:
                self._lose(error)
                green.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
            except Exception as error:
                log.exception("bug")
                self._lose(error)
                green.sleep(RETRY_SECONDS[-1])

    def _start_at_end(self) -> None:
        """Whoever is told of a gap asks chat after this, so all up to here will be in the answer."""
        self._looked_at = time.monotonic()
        end = self._stream.find_end()
        self._last, self._number, self._read_from = end.id, end.number, end.read_from
        self._end = end
        self._show_lag(end)
        UP.set(1)
        if self._said:
            log.info("stream_found")
        self._said = False

    def _lose(self, error: Exception) -> None:
        ERRORS.labels("read").inc()
        self._end = None
        UP.set(0)
        self._stream.forget_connections()
        if not self._said:
            log.warning("stream_lost", cause=repr(error))
        self._said = True

    def _read(self) -> None:
        end = self._end
        assert end is not None
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            end = self._look(end)
        entries = self._stream.read(self._read_from, count=ENTRIES_A_READ, block_ms=int(BLOCK_SECONDS * 1000))
        if not entries and order(end.id) > order(self._last):
            self._skip("trimmed")  # the end that was seen before is not there any more
        for entry in entries:
            if entry.after != self._last:
                self._skip("trimmed")
                return
            self._last, self._number, self._read_from = entry.id, entry.number, entry.id
            READ.inc()
            self._do(entry)

    def _do(self, entry: Entry) -> None:
        try:
            self._apply(entry.body)
        except Exception:
            # Of another version, or a bug: whatever it said, clients can get it from chat.
            GAPS.labels("not_understood").inc()
            if time.monotonic() - self._puzzled_at > PUZZLED_SECONDS:
                self._puzzled_at = time.monotonic()
                log.exception("entry_not_understood", entry=entry.id.decode())
            self._missed()

    def _look(self, before: End) -> End:
        self._looked_at = time.monotonic()
        end = self._stream.find_end()
        self._end = end
        if end.origin != before.origin:
            self._skip("another_redis")
        elif order(end.id) < order(self._last):
            self._skip("emptied")
        self._show_lag(end)
        return self._end

    def _skip(self, reason: str) -> None:
        GAPS.labels(reason).inc()
        log.warning("stream_gap", reason=reason, last=self._last.decode())
        self._start_at_end()
        self._missed()

    def _show_lag(self, end: End) -> None:
        LAG_SECONDS.set(max(0, order(end.id)[0] - order(self._last)[0]) / 1000)
        LAG_ENTRIES.set(max(0, end.number - self._number))
