"""What is asked of this node reaches every node, itself included, by one road and in one order: the stream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

import redis
import structlog
from flask import Flask
from prometheus_client import Histogram

from services.websocket import fanout
from services.websocket.connections import Connections
from services.websocket.fanout import Addressed
from services.websocket.lifecycle import before_start, on_start
from services.websocket.nodes.entries import (
    DELIVERIES,
    ENDED,
    NotUnderstood,
    pack_deliveries,
    pack_ended,
    unpack_deliveries,
    unpack_ended,
)
from services.websocket.nodes.reader import BLOCK_SECONDS, ERRORS, Reader
from services.websocket.nodes.resync import Resyncs
from services.websocket.nodes.stream import Stream
from services.websocket.sessions import Sessions
from services.websocket.settings import WebsocketSettings
from shared.errors import Unavailable
from shared.redis_connection import READ_SECONDS, connect_redis
from shared.web import Check

APPEND_SECONDS = Histogram(
    "pulse_stream_append_seconds",
    "Time until Redis had taken what a request brought",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
SETTLE_SYNCS = 3  # after which the other nodes, too, have written their people to a Redis that is back
FULL_SECONDS = 10.0  # how long ``/readyz`` reports it
PAUSED = "Redis has no memory left (maxmemory): live delivery pauses"
SHORTENED = "Redis has no memory left (maxmemory): it keeps less than STREAM_BYTES"
NOT_FULL = ("", float("-inf"))  # what an append met last, and when

log = structlog.get_logger()


class EveryNode:
    """``install`` has it find its place before clients are let in, and read from then on."""

    waits = True

    def __init__(self, settings: WebsocketSettings, connections: Connections, sessions: Sessions) -> None:
        self._connections, self._sessions = connections, sessions
        reading = connect_redis(settings, read_seconds=BLOCK_SECONDS + READ_SECONDS)
        self._stream = Stream(settings.redis_prefix, settings.stream_bytes, connect_redis(settings), reading)
        resyncs = Resyncs(connections, SETTLE_SYNCS * settings.node_sync_seconds, settings.resync_spread_seconds)
        self._reader = Reader(self._stream, self._apply, resyncs.tell_all)
        self.reported: dict[str, Check] = {"redis": self._check}
        self._full = NOT_FULL

    def install(self, app: Flask) -> Self:
        before_start(app, self._reader.begin)
        on_start(app, self._reader.run)
        return self

    def deliver(self, addressed: Sequence[Addressed]) -> None:
        self._append(pack_deliveries(addressed))

    def end_sessions(self, session_id: str | None, user_id: str | None) -> int:
        ended = self._sessions.end_matching(session_id, user_id)
        self._append([pack_ended(session_id, user_id, time.time())])
        return ended

    def _append(self, bodies: list[bytes]) -> None:
        if not bodies:
            return
        self._reader.check_up()  # else each request of a busy time would wait for its own timeout
        began = time.perf_counter()
        try:
            fits = self._stream.append(bodies)
        except redis.OutOfMemoryError as error:
            self._note_full(PAUSED)
            raise Unavailable(PAUSED) from error
        except (redis.RedisError, OSError) as error:
            ERRORS.labels("append").inc()
            raise Unavailable("Redis is not answering: live delivery pauses") from error
        APPEND_SECONDS.observe(time.perf_counter() - began)
        if not fits:
            self._note_full(SHORTENED)
        elif self._full[0] == PAUSED:
            self._full = NOT_FULL

    def _check(self) -> None:
        self._reader.check_up()
        words, at = self._full
        if time.monotonic() - at < FULL_SECONDS:
            raise Unavailable(words)

    def _note_full(self, words: str) -> None:
        ERRORS.labels("memory").inc()
        if time.monotonic() - self._full[1] > FULL_SECONDS:
            log.warning("redis_full", cause=words)
        self._full = words, time.monotonic()

    def _apply(self, body: bytes) -> None:
        if body.startswith(DELIVERIES):
            fanout.deliver(self._connections, unpack_deliveries(body))
        elif body.startswith(ENDED):
            self._sessions.end_revoked(unpack_ended(body))
        else:
            raise NotUnderstood(body[:1])
