"""Redis killed, frozen, demoted or not there yet: live delivery pauses, all else goes on, and then that does too."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.engines import RedisServer
from tests.websocket.clients import RawClient
from tests.websocket.listeners import Listener, ask, check_all_goes_on
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import QUICK_NODE, Service, wait_until
from tests.websocket.test_door import reach
from tests.websocket.test_short_road import ask as ask_raw
from tests.websocket.test_short_road import hear_one, make_body

ConnectRaw = Callable[..., RawClient]


def test_a_killed_redis_is_503_at_once_sockets_stay_and_all_goes_on_when_it_is_back(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str, cho: str
) -> None:
    nodes_redis.kill()
    wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
    began = time.monotonic()
    refused = pair[0].post("/deliver", {"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {}}]}]})
    assert time.monotonic() - began < 15
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
            answered = 0
            while not waiting.done():
                assert pair[0].get("/healthz").ok
                answered += 1
            assert waiting.result().status_code == 503
        assert answered > 2  # in the 2 s that Redis is waited for; one, if all else waited too
        wait_until(lambda: pair[0].get("/readyz").json()["dependencies"]["redis"] != "ok")
        began = time.monotonic()
        assert {pair[0].post("/deliver", body).status_code for _ in range(10)} == {503}
        connect_raw(neighbours.sign(ben), to=pair[0])
        assert pair[0].get(f"/online?ids={ann},{ben}").json()["online"] == [ann, ben]  # what this node knows itself
        assert time.monotonic() - began < 15  # and not 2 s for each of them
    finally:
        nodes_redis.resume()
    check_all_goes_on(pair[1], listeners, ann)
    for listener in listeners:
        listener.hear("resync")


def test_a_delivery_whose_body_comes_after_its_head_holds_up_nobody_while_redis_is_frozen(
    pair: list[Service], nodes_redis: RedisServer, ann: str
) -> None:
    wire = ask_raw(make_body([ann], ("typing", {})))
    head = wire.index(b"\r\n\r\n") + 4
    with reach(pair[0]) as made:
        made.sendall(wire[:head])
        assert pair[0].get("/healthz").ok  # it has read the head by now
        nodes_redis.pause()
        try:
            made.sendall(wire[head:])
            answered = 0
            while not select.select([made], [], [], 0)[0]:
                assert pair[0].get("/healthz").ok
                answered += 1
            assert hear_one(made)[0] == 503
        finally:
            nodes_redis.resume()
    assert answered > 2  # in the 2 s that Redis is waited for; one, if all else waited too
    wait_until(lambda: ask(pair[0], ann, "typing") == 202)


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
    node = make_service(REDIS_URL=nodes_redis.url, RESYNC_SPREAD_SECONDS="1")
    listeners = [listen(node, ann) for _ in range(20)]
    nodes_redis.up()
    for listener in listeners:
        listener.hear("resync")
    # Not all at once: each will ask chat for what it missed.
    told_at = sorted(listener.heard_at[0] for listener in listeners)
    assert told_at[-1] - told_at[0] > 0.5
    assert node.metric("pulse_socket_resyncs_total") == 20
    check_all_goes_on(node, listeners, ann)


def test_clients_are_told_to_ask_when_other_nodes_have_written_their_people_again_and_newcomers_too(
    make_service: Callable[..., Service],
    listen: Callable[[Service, str], Listener],
    nodes_redis: RedisServer,
    ann: str,
    ben: str,
) -> None:
    # It writes every 0.6 s, as the others do; three times that is enough for all of them.
    node = make_service(
        REDIS_URL=nodes_redis.url, **{**QUICK_NODE, "PRESENCE_GATHER_SECONDS": "0.6", "NODE_TTL_SECONDS": "3"}
    )
    before = listen(node, ann)
    wait_until(lambda: node.get("/readyz").json()["dependencies"]["redis"] == "ok")
    nodes_redis.kill()
    wait_until(lambda: node.get("/readyz").json()["dependencies"]["redis"] != "ok")
    back_at = time.monotonic()
    nodes_redis.up()
    wait_until(lambda: node.metric("pulse_socket_resync_rounds") == 1)
    newcomer = listen(node, ben)
    for listener in (before, newcomer):
        listener.hear("resync")
        assert listener.heard_at[0] - back_at >= 1.8
