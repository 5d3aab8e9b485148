"""The stream every node appends to and reads: its keys, the script that appends, and how an entry shows what came
before it.

Each entry names the one it follows. A reader that is given another than its own last one has missed something, whatever
the reason: trimmed entries, an emptied Redis, a replica that had not heard everything when it took over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from services.websocket.lifecycle import CantStart

ENTRY_OVERHEAD_BYTES = 160  # an id, the names, and Redis' own
KEEP_SECONDS = 300  # who is further behind is better off with a resync
LEAST_BYTES = 1_000_000  # a stream as small as this is not what fills Redis
LEAST_VERSION = (6, 2)  # HRANDFIELD

# Keys: the stream, its end. ARGV: STREAM_BYTES, the bodies. Answers whether Redis was full, so that half had to go.
# Each entry says how many bytes were appended before it: any process, however young, sees what is to be dropped. What
# is dropped goes first, because a full Redis refuses a script's first write if that needs memory, and no later one.
APPEND = f"""
local stream = KEYS[1]
local after, n, total = unpack(redis.call('HMGET', KEYS[2], 'id', 'n', 'bytes'))
after, n, total = after or '', tonumber(n or 0), total and tonumber(total)

local oldest = redis.call('TIME')[1] * 1000 - {KEEP_SECONDS * 1000}

local function find_first()
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    if not first then return end
    return first[1], first[2][5] == 'before' and tonumber(first[2][6])
end

local function drop_before(place)
    for _ = 1, 10000 do
        local id, before = find_first()
        -- More than there is: of another life of this stream.
        local fits = not before or (before >= place and before <= total)
        if not id or (fits and tonumber(string.match(id, '^%d+')) >= oldest) then return end
        redis.call('XDEL', stream, id)
    end
end

if not total then  -- somebody deleted the end
    local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    total = last and last[2][5] == 'before' and tonumber(last[2][6]) or 0
end

local size = 0
for i = 2, #ARGV do size = size + #ARGV[i] + {ENTRY_OVERHEAD_BYTES} end
drop_before(total + size - ARGV[1])

local full = 0
for i = 2, #ARGV do
    local entry = {{'after', after, 'n', n + 1, 'before', total, 'body', ARGV[i]}}
    local id = redis.pcall('XADD', stream, '*', unpack(entry))
    if type(id) == 'table' and string.find(id.err, 'OOM', 1, true) then
        local _, before = find_first()
        if not before or total - before < {LEAST_BYTES} then return redis.error_reply('OOM at maxmemory') end
        full = 1
        drop_before((before + total) / 2)
        id = redis.call('XADD', stream, '*', unpack(entry))
    end
    if type(id) == 'table' then return id end
    after, n, total = id, n + 1, total + #ARGV[i] + {ENTRY_OVERHEAD_BYTES}
end
redis.call('HSET', KEYS[2], 'id', after, 'n', n, 'bytes', total)
return full
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
    """``appending`` has a short timeout, ``reading`` one longer than it blocks.

    It holds the newest entries that fit into ``most_bytes``, as far as they are no older than KEEP_SECONDS.
    """

    def __init__(self, prefix: str, most_bytes: int, appending: redis.Redis, reading: redis.Redis) -> None:
        self._most_bytes = most_bytes
        self._key, self._end_key = f"{prefix}:stream", f"{prefix}:stream:end"
        self._append = appending.register_script(APPEND)
        self._reading = reading

    def append(self, bodies: list[bytes]) -> bool:
        """All of them or none. False when Redis had no memory left, so that older entries had to go.

        Raises redis.RedisError; redis.OutOfMemoryError when that would not have helped.
        """
        full: Any = self._append(keys=[self._key, self._end_key], args=[self._most_bytes, *bodies])
        return not full

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


def order(entry_id: bytes) -> tuple[int, int]:
    """Ids compare as numbers; the empty one comes first."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds or 0), int(number or 0)
