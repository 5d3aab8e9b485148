"""Never a silent gap: whatever may have cost a node entries of the stream, its clients hear ``resync``, and go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from ops.guard import Guard
from tests.engines import RedisServer
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, start_nodes, wait_until

ConnectRaw = Callable[..., RawClient]
STREAM, END = "pulse:stream", "pulse:stream:end"


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory, engine_guard: Guard) -> Iterator[RedisServer]:
    """One these tests may do everything to."""
    server = RedisServer(tmp_path_factory.mktemp("own-redis"), engine_guard)
    server.up()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def pair(
    neighbours: Neighbours, own_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Service]]:
    running = start_nodes(2, neighbours, own_redis.url, tmp_path_factory.mktemp("pair"))
    yield running
    for node in running:
        node.resume()
        node.close()


class Listener:
    """A client of ann's on one node, and what it has heard so far."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self.heard: list[tuple[str, dict[str, object]]] = []

    def hear(self, until: str, count: int = 1) -> None:
        while sum(event == until for event, _ in self.heard) < count:
            payload = self._client.read()[1]
            if payload.startswith(b"42"):
                self.heard.append(tuple(json.loads(payload[2:])))

    def of(self, wanted: str) -> list[dict[str, object]]:
        return [data for event, data in self.heard if event == wanted]


@pytest.fixture
def listeners(pair: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str) -> list[Listener]:
    for node in pair:
        wait_until(lambda node=node: node.get("/readyz").json()["dependencies"]["redis"] == "ok")  # type: ignore[misc]
    return [Listener(connect_raw(neighbours.sign(ann), to=node)) for node in pair]


def deliver_again_and_again(node: Service, to: str, event: str = "typing") -> float:
    """Seconds until it was accepted."""
    began = time.monotonic()
    body = {"deliveries": [{"to": [to], "events": [{"event": event, "data": {}}]}]}
    wait_until(lambda: node.post("/deliver", body).status_code == 202, 20, "accepted again")
    return time.monotonic() - began


def test_without_a_gap_nobody_is_told_of_one(pair: list[Service], listeners: list[Listener], ann: str) -> None:
    for n in range(5):
        pair[n % 2].deliver([ann], ("read", {"n": n}))
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("typing")
        assert [data["n"] for data in listener.of("read")] == list(range(5))
        assert listener.of("resync") == []


def test_a_node_that_slept_through_entries_that_were_trimmed_says_so_and_goes_on(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, ann: str
) -> None:
    asleep, awake = listeners[1], listeners[0]
    pair[1].pause()
    for n in range(10):
        pair[0].deliver([ann], ("read", {"n": n}))
    with own_redis.connect() as connection:
        connection.xtrim(STREAM, maxlen=3, approximate=False)
    pair[1].resume()
    asleep.hear("resync")
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("typing")
    assert [data["n"] for data in awake.of("read")] == list(range(10))
    assert awake.of("resync") == []


def test_a_node_that_slept_and_missed_nothing_tells_all_of_it(
    pair: list[Service], listeners: list[Listener], ann: str
) -> None:
    pair[1].pause()
    for n in range(10):
        pair[0].deliver([ann], ("read", {"n": n}))
    pair[1].resume()
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("typing")
        assert [data["n"] for data in listener.of("read")] == list(range(10)) or listener.of("resync")


@pytest.mark.parametrize("loss", ["all entries", "the stream", "everything", "the end"])
def test_what_is_taken_away_behind_a_sleeping_node_is_noticed(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, ann: str, loss: str
) -> None:
    pair[1].pause()
    for n in range(3):  # the reading under way is answered with the first, and holds it
        pair[0].deliver([ann], ("read", {"n": n}))
    with own_redis.connect() as connection:
        if loss == "all entries":
            connection.xtrim(STREAM, maxlen=0, approximate=False)
        elif loss == "everything":
            connection.flushall()
        else:
            connection.delete(STREAM if loss == "the stream" else END)
    pair[1].resume()
    if loss != "the end":
        listeners[1].hear("resync")
    else:
        listeners[1].hear(
            "read", 3
        )  # it is still there to be read; what comes next no longer shows what came before it
        listeners[1].hear("resync")
    deliver_again_and_again(pair[0], ann)
    for listener in listeners:
        listener.hear("typing")


def test_an_id_that_goes_back_is_noticed(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, ann: str
) -> None:
    # As after a failover to a machine whose clock is behind: reading from the old id would say nothing for ever.
    pair[0].deliver([ann], ("read", {"n": 1}))
    for listener in listeners:
        listener.hear("read")
    with own_redis.connect() as connection, connection.pipeline() as pipeline:
        pipeline.delete(STREAM)
        pipeline.xadd(STREAM, {"after": "", "n": 1, "body": "D"}, id="5-0")
        pipeline.hset(END, mapping={"id": "5-0", "n": 1})
        pipeline.execute()
    for listener in listeners:
        listener.hear("resync")
    deliver_again_and_again(pair[0], ann)
    for listener in listeners:
        listener.hear("typing")


def test_an_entry_of_another_version_is_passed_over_with_a_resync(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, ann: str
) -> None:
    pair[0].deliver([ann], ("read", {"n": 1}))
    with own_redis.connect() as connection:
        end = connection.hget(END, "id")
        assert isinstance(end, bytes)
        entry_id = connection.xadd(STREAM, {"after": end, "n": 2, "body": b"Z of tomorrow"})
        connection.hset(END, "id", entry_id)
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("resync")
        listener.hear("typing")


def test_a_killed_redis_is_503_at_once_sockets_stay_and_all_goes_on_when_it_is_back(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, ann: str, cho: str
) -> None:
    own_redis.kill()
    wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
    began = time.monotonic()
    refused = pair[0].post("/deliver", {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]})
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert pair[0].post("/disconnect", {"user_id": cho}).status_code == 503
    assert pair[0].get("/readyz").status_code == 200  # what is here stays here: another node is no better
    assert pair[1].metric("pulse_stream_up") == 0
    own_redis.up()
    assert deliver_again_and_again(pair[1], ann) < 5
    listeners[1].hear("resync")
    listeners[1].hear("typing")
    for node in pair:
        assert not [line for line in node.log() if line["event"] == "bug" or str(own_redis.password) in str(line)]


def test_a_frozen_redis_holds_up_nobody_and_all_goes_on_when_it_thaws(
    pair: list[Service],
    listeners: list[Listener],
    connect_raw: ConnectRaw,
    own_redis: RedisServer,
    neighbours: Neighbours,
    ann: str,
    ben: str,
) -> None:
    own_redis.pause()
    try:
        body = {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]}
        with ThreadPoolExecutor() as asking:
            waiting = asking.submit(
                requests.post,
                pair[0].url + "/deliver",
                json=body,
                headers={"Authorization": pair[0].bearer},
                timeout=10,
            )
            slowest = 0.0
            while not waiting.done():
                began = time.monotonic()
                assert pair[0].get("/healthz").ok
                slowest = max(slowest, time.monotonic() - began)
            assert waiting.result().status_code == 503
        assert slowest < 0.5
        wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
        began = time.monotonic()
        assert pair[0].post("/deliver", body).status_code == 503
        connect_raw(neighbours.sign(ben), to=pair[0])
        assert pair[0].get(f"/online?ids={ann},{ben}").json()["online"] == [ann, ben]  # what this node knows itself
        assert time.monotonic() - began < 1
    finally:
        own_redis.resume()
    assert deliver_again_and_again(pair[1], ann) < 5
    for listener in listeners:
        listener.hear("resync")
        listener.hear("typing")


def test_a_redis_that_becomes_a_replica_is_as_good_as_away(
    pair: list[Service], listeners: list[Listener], own_redis: RedisServer, free_port: int, ann: str
) -> None:
    body = {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]}
    with own_redis.connect() as connection:
        connection.replicaof("127.0.0.1", free_port)
        try:
            assert pair[0].post("/deliver", body).status_code == 503
            wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
        finally:
            connection.replicaof("no", "one")
    deliver_again_and_again(pair[0], ann)
    for listener in listeners:
        listener.hear("resync")
        listener.hear("typing")


def test_nodes_that_start_without_redis_find_it_later_and_tell_who_came_meanwhile(
    make_service: Callable[..., Service],
    connect_raw: ConnectRaw,
    own_redis: RedisServer,
    neighbours: Neighbours,
    ann: str,
) -> None:
    own_redis.kill()
    node = make_service(REDIS_URL=own_redis.url, RESYNC_SPREAD_SECONDS="0")
    listener = Listener(connect_raw(neighbours.sign(ann), to=node))
    own_redis.up()
    deliver_again_and_again(node, ann)
    listener.hear("resync")
    listener.hear("typing")
