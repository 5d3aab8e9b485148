"""Never a silent gap: whatever may have cost a node entries of the stream, its clients hear ``resync``, and go on."""

from __future__ import annotations

import pytest

from tests.engines import RedisServer
from tests.websocket.listeners import Listener, check_all_goes_on
from tests.websocket.service import Service, wait_until

STREAM, END = "pulse:stream", "pulse:stream:end"
APPEND_TOMORROW = """
local id = redis.call('XADD', KEYS[1], '*', 'after', redis.call('HGET', KEYS[2], 'id'), 'n', 2, 'body', 'Z of tomorrow')
redis.call('HSET', KEYS[2], 'id', id)
"""


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


def test_entries_of_another_version_are_passed_over_with_one_resync_for_all_of_them(
    pair: list[Service], listeners: list[Listener], nodes_redis: RedisServer, ann: str
) -> None:
    for _ in range(50):
        pair[0].deliver([ann], ("read", {}))
        with nodes_redis.connect() as connection:
            connection.eval(APPEND_TOMORROW, 2, STREAM, END)
    pair[0].deliver([ann], ("typing", {}))
    for listener in listeners:
        listener.hear("typing")
        listener.hear("resync")
        assert len(listener.of("read")) == 50
    for node in pair:
        wait_until(lambda node=node: node.metric("pulse_socket_resync_rounds") == 0)  # type: ignore[misc]
    for listener in listeners:
        # A round takes at least half a second here; the entries took less than a few.
        assert len(listener.of("resync")) <= 1 + (listener.heard_at[-1] - listener.heard_at[0]) / 0.5
