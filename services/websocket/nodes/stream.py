"""The stream every node appends to and reads: its keys, the script that appends, and how an entry shows what came
before it.

Each entry names the one it follows. A reader that is given another than its own last one has missed something, whatever
the reason: trimmed entries, an emptied Redis, a replica that had not heard everything when it took over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import redis

from services.websocket.lifecycle import CantStart

ENTRY_OVERHEAD_BYTES = 150  # an id, the names, and Redis' own
LEAST_VERSION = (6, 2)  # XTRIM … MINID

APPEND = """
local after, n = unpack(redis.call('HMGET', KEYS[2], 'id', 'n'))
after, n = after or '', tonumber(n or 0)
for i = 2, #ARGV do
    n = n + 1
    after = redis.call('XADD', KEYS[1], '*', 'after', after, 'n', n, 'body', ARGV[i])
end
redis.call('HSET', KEYS[2], 'id', after, 'n', n)
if ARGV[1] ~= '' then redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[1]) end
return after
"""


class WrongRedis(CantStart):
    """It answers, but it won't do."""


class NotMaster(redis.ConnectionError):
    """A replica: what is read there may be undone, and nothing can be appended."""


@dataclass(frozen=True, slots=True)
class Entry:
    id: bytes
    after: bytes
    number: int
    body: bytes

    @classmethod
    def from_redis(cls, item: tuple[bytes, dict[bytes, bytes]]) -> Entry:
        entry_id, fields = item
        return cls(entry_id, fields[b"after"], int(fields[b"n"]), fields[b"body"])


@dataclass(frozen=True, slots=True)
class End:
    """Where the stream ends, in which life of Redis. ``id`` is empty when nothing was ever appended."""

    origin: tuple[str, str]
    id: bytes
    number: int
    read_from: bytes


class Stream:
    """``appending`` has a short timeout, ``reading`` one longer than it blocks."""

    def __init__(self, prefix: str, appending: redis.Redis, reading: redis.Redis) -> None:
        self._key, self._end_key = f"{prefix}:stream", f"{prefix}:stream:end"
        self._append = appending.register_script(APPEND)
        self._reading = reading

    def append(self, bodies: list[bytes], oldest_kept: bytes) -> None:
        """All of them or none. Raises redis.RedisError."""
        self._append(keys=[self._key, self._end_key], args=[oldest_kept, *bodies])

    def read(self, after: bytes, *, count: int, block_ms: int) -> list[Entry]:
        answer: Any = self._reading.xread({self._key: after}, count=count, block=block_ms)
        return [Entry.from_redis(item) for item in answer[0][1]] if answer else []

    def find_end(self) -> End:
        """Raises redis.RedisError, or WrongRedis for one too old."""
        pipeline = self._reading.pipeline(transaction=False)
        pipeline.info("server")
        pipeline.info("replication")
        pipeline.hmget(self._end_key, ["id", "n"])
        server, replication, (end, number) = pipeline.execute()
        version = str(server["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
            raise WrongRedis(f"REDIS_URL: Redis {version} is too old; 6.2 is needed, or Valkey")
        if replication.get("role", "master") != "master":
            raise NotMaster("this Redis is a replica")
        read_from = end or self._find_last()
        origin = (str(server.get("run_id")), str(replication.get("master_replid")))
        return End(origin, end or b"", int(number or 0), read_from)

    def forget_connections(self) -> None:
        self._reading.connection_pool.disconnect()

    def _find_last(self) -> bytes:
        """For a stream whose end somebody deleted: its old entries are nobody's."""
        last: Any = self._reading.xrevrange(self._key, count=1)
        return bytes(last[0][0]) if last else b"0-0"


class Window:
    """The newest entries that fit into ``most_bytes``; ``oldest`` is the first of them, empty while all fit."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self.oldest = b""

    def add(self, entry: Entry) -> None:
        size = len(entry.body) + ENTRY_OVERHEAD_BYTES
        self._entries.append((entry.id, size))
        self._bytes += size
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            self._bytes -= self._entries.popleft()[1]
            self.oldest = self._entries[0][0]


def order(entry_id: bytes) -> tuple[int, int]:
    """Ids compare as numbers; the empty one comes first."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds or 0), int(number or 0)
