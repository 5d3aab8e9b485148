"""Never a silent gap: whatever may have cost a node entries of the stream, its clients hear ``resync``, and go on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from tests.engines import RedisServer
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until

ConnectRaw = Callable[..., RawClient]
STREAM, END = "pulse:stream", "pulse:stream:end"


@pytest.fixture
def pair(nodes: list[Service]) -> list[Service]:
    for node in nodes:
        wait_until(lambda node=node: node.get("/readyz").json()["dependencies"]["redis"] == "ok")  # type: ignore[misc]
    return nodes[:2]


class Listener:
    """A client of ann's on one node, and what it has heard so far."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self.heard: list[tuple[str, dict[str, object]]] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                payload = self._client.read()[1]
                if payload.startswith(b"42"):
                    self.heard.append(tuple(json.loads(payload[2:])))

    def stop(self) -> None:
        with suppress(OSError):
            self._client.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def of(self, wanted: str) -> list[dict[str, object]]:
        return [data for event, data in self.heard if event == wanted]

    def hear(self, event: str, count: int = 1) -> None:
        wait_until(lambda: len(self.of(event)) >= count, what=f"{count} times {event}")


@pytest.fixture
def listen(connect_raw: ConnectRaw, neighbours: Neighbours) -> Iterator[Callable[[Service, str], Listener]]:
    listening: list[Listener] = []

    def start(node: Service, who: str) -> Listener:
        listening.append(Listener(connect_raw(neighbours.sign(who), to=node)))
        return listening[-1]

    yield start
    for listener in listening:
        listener.stop()


@pytest.fixture
def listeners(pair: list[Service], listen: Callable[[Service, str], Listener], ann: str) -> list[Listener]:
    return [listen(node, ann) for node in pair]


def ask(node: Service, to: str, event: str) -> int:
    """The status. A while after a gap the event itself may be lost, as the ``resync`` says."""
    return node.post("/deliver", {"deliveries": [{"to": [to], "events": [{"event": event, "data": {}}]}]}).status_code


def check_all_goes_on(node: Service, listeners: list[Listener], to: str) -> None:
    began = time.monotonic()
    wait_until(lambda: ask(node, to, "typing") == 202)
    assert time.monotonic() - began < 5
    wait_until(lambda: ask(node, to, "typing") and all(listener.of("typing") for listener in listeners))


def test_without_a_gap_nobody_is_told_of_one(pair: list[Service], listeners: list[Listener], ann: str) -> None:
    for n in range(5):
        pair[n % 2].deliver([ann], ("read", {"n": n}))
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("typing")
        assert [data["n"] for data in listener.of("read")] == list(range(5))
        assert listener.of("resync") == []


def test_a_node_that_slept_through_entries_that_were_trimmed_says_so_and_goes_on(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str
) -> None:
    asleep, awake = listeners[1], listeners[0]
    pair[1].pause()
    for n in range(10):
        pair[0].deliver([ann], ("read", {"n": n}))
    with nodes_redis.connect() as connection:
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
    check_all_goes_on(pair[0], listeners, ann)
    for listener in listeners:
        assert [data["n"] for data in listener.of("read")] == list(range(10)) or listener.of("resync")


@pytest.mark.parametrize("loss", ["all entries", "the stream", "everything", "the end"])
def test_what_is_taken_away_behind_a_sleeping_node_is_noticed(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str, loss: str
) -> None:
    pair[1].pause()
    for n in range(3):  # the reading under way is answered with the first, and holds it
        pair[0].deliver([ann], ("read", {"n": n}))
    with nodes_redis.connect() as connection:
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
        # It is still there to be read; but what comes next does not show any more what came before it.
        listeners[1].hear("read", 3)
        listeners[1].hear("resync")
    check_all_goes_on(pair[0], listeners, ann)


def test_an_id_that_goes_back_is_noticed(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str
) -> None:
    # As after a failover to a machine whose clock is behind: reading from the old id would say nothing for ever.
    pair[0].deliver([ann], ("read", {"n": 1}))
    for listener in listeners:
        listener.hear("read")
    with nodes_redis.connect() as connection, connection.pipeline() as pipeline:
        pipeline.delete(STREAM)
        pipeline.xadd(STREAM, {"after": "", "n": 1, "body": "D"}, id="5-0")
        pipeline.hset(END, mapping={"id": "5-0", "n": 1})
        pipeline.execute()
    for listener in listeners:
        listener.hear("resync")
    check_all_goes_on(pair[0], listeners, ann)


def test_an_entry_of_another_version_is_passed_over_with_a_resync(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str
) -> None:
    pair[0].deliver([ann], ("read", {"n": 1}))
    with nodes_redis.connect() as connection:
        end = connection.hget(END, "id")
        assert isinstance(end, bytes)
        entry_id = connection.xadd(STREAM, {"after": end, "n": 2, "body": b"Z of tomorrow"})
        connection.hset(END, "id", entry_id)
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("resync")
        listener.hear("typing")


def test_a_killed_redis_is_503_at_once_sockets_stay_and_all_goes_on_when_it_is_back(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str, cho: str
) -> None:
    nodes_redis.kill()
    wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
    began = time.monotonic()
    refused = pair[0].post("/deliver", {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]})
    assert time.monotonic() - began < 1
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert pair[0].post("/disconnect", {"user_id": cho}).status_code == 503
    assert pair[0].get("/readyz").status_code == 200  # what is here stays here: another node is no better
    assert pair[1].metric("pulse_stream_up") == 0
    nodes_redis.up()
    check_all_goes_on(pair[1], listeners, ann)
    for listener in listeners:
        listener.hear("resync")
    for node in pair:
        assert not [line for line in node.log() if line["event"] == "bug" or str(nodes_redis.password) in str(line)]


def test_a_frozen_redis_holds_up_nobody_and_all_goes_on_when_it_thaws(
    pair: list[Service],
    listeners: list[Listener],
    connect_raw: ConnectRaw,
    nodes_redis: RedisServer,
    neighbours: Neighbours,
    ann: str,
    ben: str,
) -> None:
    nodes_redis.pause()
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
        assert slowest < 1
        wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
        began = time.monotonic()
        assert pair[0].post("/deliver", body).status_code == 503
        connect_raw(neighbours.sign(ben), to=pair[0])
        assert pair[0].get(f"/online?ids={ann},{ben}").json()["online"] == [ann, ben]  # what this node knows itself
        assert time.monotonic() - began < 1.5
    finally:
        nodes_redis.resume()
    check_all_goes_on(pair[1], listeners, ann)
    for listener in listeners:
        listener.hear("resync")


def test_a_redis_that_becomes_a_replica_is_as_good_as_away(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, free_port: int, ann: str
) -> None:
    body = {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]}
    with nodes_redis.connect() as connection:
        connection.replicaof("127.0.0.1", free_port)
        try:
            assert pair[0].post("/deliver", body).status_code == 503
            wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
        finally:
            connection.replicaof("no", "one")
    check_all_goes_on(pair[1], listeners, ann)
    for listener in listeners:
        listener.hear("resync")


def test_a_node_that_starts_without_redis_finds_it_later_and_tells_those_who_came_meanwhile(
    make_service: Callable[..., Service],
    listen: Callable[[Service, str], Listener],
    nodes_redis: RedisServer,
    ann: str,
) -> None:
    nodes_redis.kill()
    node = make_service(REDIS_URL=nodes_redis.url, RESYNC_SPREAD_SECONDS="0")
    listener = listen(node, ann)
    nodes_redis.up()
    check_all_goes_on(node, [listener], ann)
    listener.hear("resync")
