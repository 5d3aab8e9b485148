"""Who is online, over several nodes: the first device anywhere, the last device anywhere, and nodes that die."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest

from tests.engines import RedisServer
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import QUICK_NODE, Service, wait_until

ConnectRaw = Callable[..., RawClient]


def is_online(node: Service, *user_ids: str) -> list[str]:
    found: list[str] = node.get("/online?ids=" + ",".join(user_ids)).json()["online"]
    return found


@pytest.fixture
def mortal(make_service: Callable[..., Service], nodes_redis: RedisServer) -> Service:
    """A fourth node, which the test may end."""
    return make_service(REDIS_URL=nodes_redis.url, **{**QUICK_NODE, "PRESENCE_GRACE_SECONDS": "2"})


def test_the_first_device_anywhere_and_the_last_one_anywhere_are_told_once(
    nodes: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    devices = [connect_raw(neighbours.sign(ann), to=node) for node in nodes]
    for node in nodes:
        wait_until(lambda node=node: is_online(node, ann, ben) == [ann])  # type: ignore[misc]
    devices[0].close()
    devices[1].close()
    bens = connect_raw(neighbours.sign(ben), to=nodes[0])
    wait_until(lambda: neighbours.presence_of(ben) == [True])
    bens.close()
    wait_until(lambda: neighbours.presence_of(ben) == [True, False], what="a whole absence later")
    assert neighbours.presence_of(ann) == [True]
    assert is_online(nodes[0], ann) == [ann]
    devices[2].close()
    wait_until(lambda: neighbours.presence_of(ann) == [True, False])
    assert is_online(nodes[1], ann) == []


def test_a_move_to_another_node_within_the_grace_goes_unmentioned(
    nodes: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    for node in (*nodes, nodes[0]):
        device = connect_raw(neighbours.sign(ann), to=node)
        wait_until(lambda: neighbours.presence_of(ann) == [True])
        device.close()
    connect_raw(neighbours.sign(ben), to=nodes[1]).close()
    wait_until(lambda: neighbours.presence_of(ben) == [True, False])
    wait_until(lambda: neighbours.presence_of(ann) == [True, False])


def test_the_people_of_a_killed_node_go_offline_once_unless_they_are_elsewhere(
    nodes: list[Service], mortal: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    connect_raw(neighbours.sign(ann), to=mortal)
    bens = [connect_raw(neighbours.sign(ben), to=node) for node in (mortal, nodes[0])]
    wait_until(lambda: neighbours.news_of(ann) == neighbours.news_of(ben) == [True])
    for node in nodes:
        wait_until(lambda node=node: is_online(node, ann, ben) == [ann, ben])  # type: ignore[misc]
    mortal.kill()
    wait_until(lambda: neighbours.news_of(ann) == [True, False], what="a survivor counts ann out")
    assert is_online(nodes[2], ann, ben) == [ben]
    bens[1].close()
    wait_until(lambda: neighbours.news_of(ben) == [True, False])
    assert neighbours.news_of(ann) == [True, False]


def test_a_node_told_to_stop_hands_its_people_over(
    nodes: list[Service], mortal: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    anns, bens = (connect_raw(neighbours.sign(who), to=mortal) for who in (ann, ben))
    wait_until(lambda: is_online(nodes[0], ann, ben) == [ann, ben])
    mortal.process.terminate()
    assert b"shutting_down" in bens.read()[1]
    connect_raw(neighbours.sign(ben), to=nodes[0])  # at once, as stock clients do
    anns.read_all()
    assert mortal.process.wait(15) == 0
    wait_until(lambda: neighbours.presence_of(ann) == [True, False])
    assert neighbours.presence_of(ben) == [True]
    assert is_online(nodes[1], ann, ben) == [ben]


def test_a_frozen_node_that_was_counted_out_counts_its_people_in_again(
    nodes: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    connect_raw(neighbours.sign(ann), to=nodes[2])
    wait_until(lambda: neighbours.news_of(ann) == [True])
    nodes[2].pause()
    try:
        wait_until(lambda: neighbours.news_of(ann) == [True, False])
    finally:
        nodes[2].resume()
    wait_until(lambda: neighbours.news_of(ann) == [True, False, True])
    wait_until(lambda: is_online(nodes[0], ann) == [ann])


def test_after_redis_was_emptied_everyone_is_written_again_and_nobody_is_told_anything(
    nodes: list[Service],
    connect_raw: ConnectRaw,
    neighbours: Neighbours,
    nodes_redis: RedisServer,
    ann: str,
    ben: str,
    cho: str,
) -> None:
    connect_raw(neighbours.sign(ann), to=nodes[0])
    bens = [connect_raw(neighbours.sign(ben), to=node) for node in nodes]
    wait_until(lambda: neighbours.presence_of(ann) == neighbours.presence_of(ben) == [True])
    with nodes_redis.connect() as redis:  # whom a node has not written yet is news to it, in an emptied Redis too
        wait_until(lambda: redis.hget("pulse:presence:online", uuid.UUID(ben).bytes) == b"3")
    bens[0].close()
    nodes_redis.clear()
    for node in nodes:
        wait_until(lambda node=node: is_online(node, ann, ben) == [ann, ben])  # type: ignore[misc]
    connect_raw(neighbours.sign(cho), to=nodes[1]).close()
    wait_until(lambda: neighbours.presence_of(cho) == [True, False])
    assert neighbours.presence_of(ann) == neighbours.presence_of(ben) == [True]
    for device in bens[1:]:
        device.close()
    wait_until(lambda: neighbours.presence_of(ben) == [True, False])


def test_while_redis_is_away_nobody_goes_offline_and_who_went_is_told_afterwards(
    nodes: list[Service],
    connect_raw: ConnectRaw,
    neighbours: Neighbours,
    nodes_redis: RedisServer,
    ann: str,
    ben: str,
    cho: str,
) -> None:
    connect_raw(neighbours.sign(ann), to=nodes[0])
    bens = connect_raw(neighbours.sign(ben), to=nodes[1])
    wait_until(lambda: neighbours.news_of(ann) == neighbours.news_of(ben) == [True])
    nodes_redis.pause()
    away = time.monotonic()
    try:
        bens.close()
        connect_raw(neighbours.sign(cho), to=nodes[1])
        # Longer than a node may be silent: to Redis' clock all of them are dead when it wakes.
        wait_until(lambda: time.monotonic() > away + 2.5)
        wait_until(lambda: is_online(nodes[0], ann, ben) == [ann])
    finally:
        nodes_redis.resume()
    wait_until(lambda: neighbours.news_of(ben) == [True, False])
    wait_until(lambda: neighbours.news_of(cho) == [True])
    for node in nodes:
        wait_until(lambda node=node: is_online(node, ann, ben, cho) == [ann, cho])  # type: ignore[misc]
    assert neighbours.news_of(ann) == [True]
