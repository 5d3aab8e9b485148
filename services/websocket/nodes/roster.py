"""Who is online on any node, kept in Redis. A node that dies is counted out by another, once.

Each node writes the people it has, and shows every second that it lives. While Redis is away a node answers with what
it knows itself, and writes the difference afterwards; nobody is called offline because Redis was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, Self
from uuid import UUID

import redis
import structlog
from flask import Flask

from services.websocket import green
from services.websocket.lifecycle import on_start
from services.websocket.nodes import scripts
from services.websocket.nodes.reader import ERRORS
from services.websocket.presence import Change
from services.websocket.settings import WebsocketSettings
from shared.redis_connection import connect_redis
from shared.wire import wire_time

PEOPLE_A_CALL = 1_000

log = structlog.get_logger()


class SharedRoster:
    """NODE_TTL_SECONDS is how long a node may be silent. After an orderly end its people, who are on their way to
    other nodes, have PRESENCE_GRACE_SECONDS.
    """

    def __init__(self, settings: WebsocketSettings) -> None:
        self._redis = connect_redis(settings)
        self._ttl_seconds, self._grace_seconds = settings.node_ttl_seconds, settings.presence_grace_seconds
        self._sync_seconds = settings.node_sync_seconds
        start = f"{settings.redis_prefix}:presence"
        self._keys = [f"{start}:{name}" for name in ("nodes", "online", "epoch", "gone")]
        self._people_start, self._untold_start = f"{start}:people:", f"{start}:untold:"
        make = self._redis.register_script
        self._register, self._sync = make(scripts.REGISTER), make(scripts.SYNC)
        self._leave, self._reap, self._forget = make(scripts.LEAVE), make(scripts.REAP), make(scripts.FORGET)
        self._node, self._epoch = "", b""
        self._here: set[UUID] = set()
        self._written: set[UUID] = set()
        self._unwritten: dict[UUID, object] = {}  # who came or went, each time by another object
        self._known: set[UUID] = set()  # written before Redis was emptied: that they are online is no news
        self._changes: list[Change] = []
        self._synced_at = self._steady_since = self._settled_at = float("-inf")
        self._up = self._stopped = False

    def install(self, app: Flask) -> Self:
        on_start(app, self.run)
        return self

    # What presence asks

    def arrive(self, user_id: UUID, at: str) -> None:  # noqa: ARG002 - what counts is when Redis heard it
        self._here.add(user_id)
        self._unwritten[user_id] = object()

    def leave(self, user_id: UUID, at: str) -> None:  # noqa: ARG002
        self._here.discard(user_id)
        self._unwritten[user_id] = object()

    def take_changes(self) -> list[Change]:
        changes, self._changes = self._changes, []
        return changes

    def forget(self, changes: Sequence[Change]) -> None:
        if not self._up:
            return  # they stay; told again, they are no news to chat
        try:
            self._forget(keys=[self._untold_start + self._node], args=_to_args(changes))
        except (redis.RedisError, OSError):
            ERRORS.labels("presence").inc()

    def list_online(self, user_ids: Iterable[UUID]) -> list[UUID]:
        asked = list(user_ids)
        counts: list[Any] = [None] * len(asked)
        if asked and self._up:
            try:
                answer: Any = self._redis.hmget(self._keys[1], [user_id.bytes for user_id in asked])
                counts = answer
            except (redis.RedisError, OSError):
                ERRORS.labels("online").inc()
        return [user_id for user_id, count in zip(asked, counts, strict=True) if count or user_id in self._here]

    # What goes on beside

    def run(self) -> None:
        """For ever, in a green thread of its own."""
        while not self._stopped:
            try:
                self.sync()
                self.reap()
            except (redis.RedisError, OSError) as error:
                ERRORS.labels("presence").inc()
                if self._up:
                    log.warning("presence_not_shared", cause=repr(error))
                self._up = False
            except Exception:
                log.exception("bug")
            green.sleep(self._sync_seconds)

    def stop(self) -> None:
        """Hands this node's people over: those who are nowhere else when the grace is over are then offline."""
        self._stopped = True
        if not self._up:
            return
        with suppress(redis.RedisError, OSError):
            self.sync()
            self._leave(keys=self._keys, args=[self._node, int(self._grace_seconds * 1000)])

    def sync(self) -> None:
        """Shows that this node lives, and writes who came and went. Raises redis.RedisError."""
        found: list[Change] = []
        while True:
            settled = time.monotonic() >= self._settled_at
            ready = (item for item in self._unwritten.items() if settled or item[0] in self._here)
            batch = dict(islice(ready, PEOPLE_A_CALL))
            arrived = [user_id for user_id in batch if user_id in self._here]
            left = [user_id for user_id in batch if user_id not in self._here]
            people = [user_id.bytes for user_id in (*arrived, *left)]
            keys = [*self._keys, self._people_start + self._node, self._untold_start + self._node]
            answer = self._sync(keys=keys, args=[self._node, int(self._ttl_seconds * 1000), len(arrived), *people])
            if answer is None:
                self._begin()
                continue
            found += self._note(batch, arrived, left, answer)
            if len(batch) < PEOPLE_A_CALL:
                break
        now = time.monotonic()
        if not self._up or now - self._synced_at > self._ttl_seconds / 2:
            self._steady_since = now
        if not self._up:
            # What a script did whose answer was lost.
            untold: Any = self._redis.hgetall(self._untold_start + self._node)
            found += [_from_redis(person, change) for person, change in untold.items()]
        self._changes += found  # at once: told in between, what is found twice would be told twice
        self._up, self._synced_at = True, now

    def reap(self) -> None:
        """Counts out the people of dead nodes. Raises redis.RedisError.

        Only after a time to live without a fault: when Redis or this node was away, the others may look dead as well.
        """
        if time.monotonic() - self._steady_since < self._ttl_seconds:
            return
        more = 1
        while more:
            args: list[Any] = [PEOPLE_A_CALL, self._people_start, self._untold_start, self._node]
            more, *found = self._reap(keys=self._keys, args=args)
            self._changes += map(_from_redis, found[::2], found[1::2])
            if found:
                log.info("people_counted_out", people=len(found) // 2)

    def _begin(self) -> None:
        """Registers by a new name: at the start, in an emptied Redis, or because others took this node for dead."""
        self._node = uuid.uuid4().hex
        epoch = self._register(keys=self._keys, args=[self._node, int(self._ttl_seconds * 1000), uuid.uuid4().hex])
        if epoch != self._epoch:
            # Nobody is counted in yet, but the other nodes will write theirs any moment: departures wait for them.
            self._settled_at = time.monotonic() + self._ttl_seconds
            self._known = self._known | self._written
            for user_id in self._written - self._here:
                self._unwritten.setdefault(user_id, object())
        else:
            self._known = set()
            self._unwritten = {who: since for who, since in self._unwritten.items() if who in self._here}
        self._epoch = epoch
        self._written = set()
        for user_id in self._here:
            self._unwritten.setdefault(user_id, object())
        log.info("node_registered", node=self._node, people=len(self._here))

    def _note(
        self, batch: dict[UUID, object], arrived: list[UUID], left: list[UUID], answer: list[Any]
    ) -> list[Change]:
        """Which of that is news."""
        seconds, *counts = answer
        at = wire_time(float(seconds))
        news: list[Change] = []
        silent: list[Change] = []
        for user_id, which in batch.items():
            if self._unwritten.get(user_id) is which:
                del self._unwritten[user_id]  # else they came or went again meanwhile
        for user_id, count in zip(arrived, counts, strict=False):
            self._written.add(user_id)
            if count == 1:
                (silent if user_id in self._known else news).append(Change(user_id, True, at))
            self._known.discard(user_id)
        for user_id, count in zip(left, counts[len(arrived) :], strict=True):
            self._written.discard(user_id)
            self._known.discard(user_id)
            if count == 0:
                news.append(Change(user_id, False, at))
        if silent:
            self._forget(keys=[self._untold_start + self._node], args=_to_args(silent))
        return news


def _from_redis(person: bytes, change: bytes) -> Change:
    at, online = change.split()
    return Change(UUID(bytes=person), online == b"1", wire_time(float(at)))


def _to_args(changes: Iterable[Change]) -> list[bytes]:
    args: list[bytes] = []
    for user_id, online, at in changes:
        args += user_id.bytes, b"%.6f %d" % (datetime.fromisoformat(at).timestamp(), online)
    return args
