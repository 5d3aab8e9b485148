"""What each node makes of the people in Redis, with the nodes' steps in the order the test chooses."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

from services.websocket.nodes.roster import SharedRoster
from services.websocket.settings import WebsocketSettings
from tests.engines import RedisServer
from tests.websocket.neighbours import SERVICE_TOKEN
from tests.websocket.service import wait_until

EARLY, LATE = "2026-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"


@pytest.fixture
def rosters(redis_server: RedisServer) -> tuple[SharedRoster, SharedRoster]:
    """Two nodes, long enough after Redis was empty that departures count."""
    redis_server.clear()
    environ = {"SERVICE_TOKEN": SERVICE_TOKEN, "REDIS_URL": redis_server.url, "NODE_TTL_SECONDS": "1"}
    settings = WebsocketSettings.read(environ)
    first, second = SharedRoster(settings), SharedRoster(settings)
    first.sync()
    second.sync()
    settled_at = time.monotonic() + settings.node_ttl_seconds
    wait_until(lambda: time.monotonic() > settled_at)
    return first, second


def changes(*rosters: SharedRoster) -> list[tuple[UUID, bool]]:
    """In the order chat believes them, whichever it hears first."""
    found = [change for roster in rosters for change in roster.take_changes()]
    return [(change.user_id, change.online) for change in sorted(found, key=lambda change: change.at)]


def test_the_time_of_a_change_is_when_redis_counted_it_whatever_the_nodes_clocks_say(
    rosters: tuple[SharedRoster, SharedRoster],
) -> None:
    (first, second), ann = rosters, uuid4()
    first.arrive(ann, LATE)
    first.sync()
    # Redis is out of reach a while: ann comes to the second node and leaves the first, which is heard of before.
    second.arrive(ann, EARLY)
    first.leave(ann, LATE)
    first.sync()
    second.sync()
    assert changes(second, first) == [(ann, True), (ann, False), (ann, True)]


def test_who_was_counted_on_the_next_node_in_time_did_not_leave(
    rosters: tuple[SharedRoster, SharedRoster],
) -> None:
    (first, second), ann = rosters, uuid4()
    first.arrive(ann, EARLY)
    first.sync()
    second.arrive(ann, EARLY)
    second.sync()
    first.leave(ann, LATE)
    first.sync()
    assert changes(first, second) == [(ann, True)]


def test_who_came_back_while_their_leaving_was_written_is_written_again(
    rosters: tuple[SharedRoster, SharedRoster],
) -> None:
    (first, second), ann = rosters, uuid4()
    first.arrive(ann, EARLY)
    first.leave(ann, EARLY)
    first.arrive(ann, EARLY)
    first.sync()
    assert (changes(first), second.list_online([ann])) == ([(ann, True)], [ann])


def test_what_a_dead_node_had_not_told_is_told_by_whoever_counts_its_people_out(
    rosters: tuple[SharedRoster, SharedRoster],
) -> None:
    (dead, survivor), (ann, ben, cho) = rosters, (uuid4(), uuid4(), uuid4())
    for who in (ann, ben, cho):
        dead.arrive(who, EARLY)
    dead.sync()
    told = [change for change in dead.take_changes() if change.user_id != ann]
    dead.forget(told)
    dead.leave(ben, EARLY)
    dead.sync()
    survivor.arrive(ann, EARLY)
    survivor.sync()

    def find() -> list[tuple[UUID, bool]]:
        survivor.sync()
        survivor.reap()
        found.extend(changes(survivor))
        return sorted(found)

    found: list[tuple[UUID, bool]] = []
    # Nobody hears again that cho came, which chat knows.
    wait_until(lambda: len(find()) >= 3)
    assert sorted(found) == sorted([(ann, True), (ben, False), (cho, False)])


def test_what_chat_was_told_is_forgotten_and_what_came_meanwhile_is_not(
    rosters: tuple[SharedRoster, SharedRoster], redis_server: RedisServer
) -> None:
    (first, _), ann, ben = rosters, uuid4(), uuid4()
    first.arrive(ann, EARLY)
    first.arrive(ben, EARLY)
    first.sync()
    told = first.take_changes()
    first.leave(ann, LATE)
    first.sync()
    first.forget(told)
    with redis_server.connect() as connection:
        (key,) = connection.keys("pulse:presence:untold:*")
        assert set(connection.hgetall(key)) == {ann.bytes}
    first.forget(first.take_changes())
    with redis_server.connect() as connection:
        assert connection.keys("pulse:presence:untold:*") == []
