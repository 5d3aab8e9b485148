"""The tap on a real broker: every committed event once, keyed, in its log's order, as the sockets hear it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from services.chat.kafka.connection import MESSAGES, USERS
from services.chat.kafka.tap import Tap
from shared.errors import DatabaseRefusal
from tests.engines import Broker
from tests.kafka.conftest import MakeTap, Room
from tests.kafka.listener import Listener
from tests.people import add_person, item
from tests.system.waiting import eventually


def send(room: Room, count: int = 1, content: str = "hello") -> list[dict[str, Any]]:
    answer = room.database.call("send_messages", messages=[item(room.ann, room.id, content) for _ in range(count)])
    results: list[dict[str, Any]] = answer["results"]
    return results


def publish(tap: Tap) -> None:
    """Until nothing is left."""
    while tap.turn() == 0:
        pass


def waiting(room: Room) -> int:
    count: int = room.database.call("measure_kafka_outbox")["waiting"]
    return count


def test_an_event_is_published_as_the_sockets_hear_it(
    room: Room, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    sent = send(room)[0]
    publish(make_tap(broker.bootstrap))
    [heard] = listener.wait_for(1)
    occurred_at = heard.value.pop("occurred_at")
    assert occurred_at >= sent["message"]["created_at"]
    assert (heard.topic, heard.key) == (MESSAGES, room.id)
    assert set(heard.value.pop("to")) == {str(room.ann.id), str(room.ben.id)}
    assert heard.value == {
        "id": sent["outbox_id"],
        "type": "message.sent",
        "version": 1,
        "data": {"conversation_id": room.id, "seq": sent["message"]["seq"], "message": sent["message"]},
    }


def test_several_processes_publish_each_event_once_and_in_order(
    room: Room, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    taps = [make_tap(broker.bootstrap) for _ in range(3)]
    for tap in taps:
        tap.start()
    sent = []
    for _ in range(40):
        sent += send(room, 5)
        for tap in taps:
            tap.wake()
    heard = listener.wait_for(200)
    eventually(lambda: waiting(room) == 0, "everything being published")
    assert len(listener.stay(0.3)) == 200
    assert {one.value["id"] for one in heard} == {one["outbox_id"] for one in sent}
    assert {(one.key, one.partition) for one in heard} == {(room.id, heard[0].partition)}
    seqs = [one.value["data"]["seq"] for one in heard]
    assert seqs == sorted(seqs)


def test_what_was_rolled_back_is_not_published(
    room: Room, owner_url: str, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("insert into outbox (user_id, leased_until) values (%s, now())", [room.ann.id])
        owner.rollback()
    sent = send(room)[0]
    publish(make_tap(broker.bootstrap))
    assert [one.value["id"] for one in listener.wait_for(1)] == [sent["outbox_id"]]


def test_people_are_told_of_once_when_they_come_change_and_go(
    room: Room, owner_url: str, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    tap = make_tap(broker.bootstrap)
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where id = %s", [room.ann.id])
    dan, eve = add_person(room.database, "Dan"), uuid4()
    invited = {"email": "eve@example.org", "name": "Eve", "is_admin": False}
    room.database.call("create_user", caller=room.ann.id, user_id=eve, **invited)
    publish(tap)
    room.database.call("update_user", caller=eve, user_id=eve, changes={"name": "Eve Adams"})
    room.database.call("update_user", caller=eve, user_id=eve, changes={"name": "Eve Adams"})  # changes nothing
    publish(tap)
    room.database.call("delete_user", caller=room.ann.id, user_id=dan.id)
    publish(tap)
    told = [(one.topic, one.key, one.value["type"], one.value["data"]["user"]["name"]) for one in listener.wait_for(4)]
    assert sorted(told) == sorted(
        (USERS, str(who), "user.changed", name)
        for who, name in ((dan.id, "Dan"), (eve, "Eve"), (eve, "Eve Adams"), (dan.id, "Deleted user"))
    )
    assert all("email" not in one.value["data"]["user"] for one in listener.stay(0.3))
    assert len(listener.heard) == 4


def test_nobody_is_told_of_who_was_refused(room: Room, broker: Broker, listener: Listener, make_tap: MakeTap) -> None:
    with pytest.raises(DatabaseRefusal):
        add_person(room.database, "Ann")  # has that address
    sent = send(room)[0]
    publish(make_tap(broker.bootstrap))
    assert [one.value["id"] for one in listener.wait_for(1)] == [sent["outbox_id"]]


def test_the_largest_event_fits_and_one_beyond_any_is_parked_while_others_go_on(
    room: Room, owner_url: str, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    tap = make_tap(broker.bootstrap)
    add_members(room, owner_url, 5_000)
    send(room, content="\U0001f642" * 8_000)
    publish(tap)
    [largest] = listener.wait_for(1)
    assert len(largest.value["to"]) == 5_002
    assert 200_000 < largest.size < 400_000

    add_members(room, owner_url, 21_000)  # more than a group may have: 1 MB of ids
    send(room)
    room.database.call("open_direct", caller=room.cho.id, recipient=str(room.ann.id))
    publish(tap)
    assert listener.wait_for(2)[1].value["type"] == "conversation.created"
    assert room.database.call("measure_kafka_outbox") | {"oldest_seconds": 0} == {
        "waiting": 0,
        "parked": 1,
        "oldest_seconds": 0,
    }


def add_members(room: Room, owner_url: str, count: int) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("alter table users disable trigger users_to_kafka")
        owner.execute(
            """
            with made as (
                insert into users (id, email, name)
                select gen_random_uuid(), gen_random_uuid() || '@example.org', 'Member' from generate_series(1, %s)
                returning id
            ) insert into members (conversation_id, user_id) select %s, id from made
            """,
            [count, room.id],
        )
        owner.execute("alter table users enable trigger users_to_kafka")


@pytest.mark.parametrize("delivery", ["direct", "kafka"])
def test_an_acknowledged_event_is_delivered_only_where_the_bridge_delivers(
    room: Room, broker: Broker, listener: Listener, make_tap: MakeTap, delivery: str, owner_url: str
) -> None:
    send(room, 3)
    publish(make_tap(broker.bootstrap, DELIVERY=delivery))
    listener.wait_for(3)
    with psycopg.connect(owner_url) as owner:
        left = owner.execute("select count(*) from outbox where seq > 1").fetchone()
    assert left == ({"direct": 3, "kafka": 0}[delivery],)


def test_what_nobody_kept_for_kafka_is_published_once_overdue_where_the_bridge_delivers(
    room: Room, owner_url: str, broker: Broker, listener: Listener, make_tap: MakeTap
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("delete from kafka_tap")
    early = send(room, 3)
    publish(make_tap(broker.bootstrap))  # a mere tap leaves them to the push
    assert listener.stay(0.3) == []
    with psycopg.connect(owner_url) as owner:
        owner.execute("update outbox set leased_until = clock_timestamp() where seq > 1")
    publish(make_tap(broker.bootstrap, DELIVERY="kafka"))
    heard = [one.value["id"] for one in listener.wait_for(3)]
    assert set(heard) >= {one["outbox_id"] for one in early}
