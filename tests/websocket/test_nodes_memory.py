"""What Redis has to hold: the stream within its bound, whoever restarts; and a Redis that has no memory left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from tests.engines import RedisServer
from tests.websocket.listeners import Listener
from tests.websocket.service import QUICK_NODE, Service

MakeService = Callable[..., Service]
Listen = Callable[[Service, str], Listener]
FILLER = "x" * 12_000


@pytest.fixture
def connection(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis_server.connect() as opened:
        opened.flushall()
        yield opened
        opened.config_set("maxmemory", "0")
        opened.flushall()


@pytest.fixture
def start_node(make_service: MakeService, redis_server: RedisServer) -> MakeService:
    return lambda **settings: make_service(REDIS_URL=redis_server.url, **{**QUICK_NODE, **settings})


def leave(connection: redis.Redis, spare_bytes: int) -> None:
    connection.config_set("maxmemory", str(int(connection.info("memory")["used_memory"]) + spare_bytes))


def deliver_a_megabyte(node: Service, to: str) -> None:
    for n in range(8):
        node.deliver([to], *(("read", {"n": n * 10 + k, "x": FILLER}) for k in range(10)))


def stream_bytes(connection: redis.Redis) -> int:
    return int(connection.memory_usage("pulse:stream", samples=0) or 0)


def stream_ids(connection: redis.Redis) -> list[Any]:
    return [entry_id for entry_id, _ in connection.xrange("pulse:stream") or ()]


def redis_state(node: Service) -> str:
    return str(node.get("/readyz").json()["dependencies"]["redis"])


def test_the_stream_keeps_what_fits_its_bound_and_no_more_whoever_restarts(
    start_node: MakeService, connection: redis.Redis, ann: str
) -> None:
    node = start_node(STREAM_BYTES="1000000")
    for _ in range(2):
        deliver_a_megabyte(node, ann)
        deliver_a_megabyte(node, ann)
        assert 800_000 < stream_bytes(connection) < 1_300_000
        node.kill()
        node.start()
        # Less than the bound in this life: what the one before has left counts as well.
        node.deliver([ann], *(("read", {"x": FILLER}) for _ in range(40)))
        assert 800_000 < stream_bytes(connection) < 1_300_000


def test_entries_of_long_ago_go_and_young_ones_of_another_version_stay(
    start_node: MakeService, connection: redis.Redis, ann: str
) -> None:
    node = start_node()
    for entry_id in ("5000-0", "*"):
        connection.xadd("pulse:stream", {"after": "", "n": 1, "body": "D"}, id=entry_id)
    _, young = stream_ids(connection)
    node.deliver([ann], ("typing", {}))
    assert stream_ids(connection)[:-1] == [young]


def test_a_redis_the_stream_has_filled_goes_on_with_less_of_it(
    start_node: MakeService, listen: Listen, connection: redis.Redis, ann: str
) -> None:
    node = start_node()  # its STREAM_BYTES are more than this Redis may have
    listener = listen(node, ann)
    assert redis_state(node) == "ok"
    leave(connection, 3_000_000)
    for _ in range(6):
        deliver_a_megabyte(node, ann)
    assert redis_state(node) == "Redis has no memory left (maxmemory): it keeps less than STREAM_BYTES"
    listener.hear("read", 480)
    assert [data["n"] for data in listener.of("read")] == list(range(80)) * 6
    assert stream_bytes(connection) < 4_000_000


def test_a_redis_others_have_filled_is_named_and_all_goes_on_when_there_is_room(
    start_node: MakeService, listen: Listen, connection: redis.Redis, ann: str
) -> None:
    node = start_node()
    listener = listen(node, ann)
    node.deliver([ann], ("read", {"n": 0}))
    leave(connection, -100_000)
    said = "Redis has no memory left (maxmemory): live delivery pauses"
    for path, body in (
        ("/deliver", {"deliveries": [{"to": [ann], "events": [{"event": "read", "data": {"n": 1}}]}]}),
        ("/disconnect", {"user_id": ann[:-4] + "0000"}),
    ):
        refused = node.post(path, body)
        assert (refused.status_code, refused.json()["message"]) == (503, said)
    assert redis_state(node) == said
    connection.config_set("maxmemory", "0")
    node.deliver([ann], ("read", {"n": 2}))
    assert redis_state(node) == "ok"
    listener.hear("read", 2)
    assert [data["n"] for data in listener.of("read")] == [0, 2]
