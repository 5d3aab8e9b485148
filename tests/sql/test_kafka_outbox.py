"""What waits for Kafka, on a real Postgres: kept while claimed, taken in order, finished, parked, dropped."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.people import add_person, item
from tests.sql.conftest import Room


def claim(room: Room) -> None:
    room.database.call("claim_kafka_tap")


def take(room: Room, limit: int = 100) -> list[str]:
    taken = room.database.call("take_kafka_outbox", page_limit=limit)
    assert not taken["busy"]
    ids: list[str] = taken["ids"]
    return ids


def send(room: Room, count: int = 1) -> list[str]:
    answer = room.database.call("send_messages", messages=[item(room.ann, room.id) for _ in range(count)])
    return [result["outbox_id"] for result in answer["results"]]


def measure(room: Room) -> dict[str, Any]:
    found: dict[str, Any] = room.database.call("measure_kafka_outbox")
    return found


def drop(room: Room) -> int:
    dropped: int = room.database.call("drop_kafka_tap", unless_claimed=True)["dropped"]
    return dropped


def keep(room: Room) -> int:
    kept: int = room.database.call("keep_overdue_for_kafka", page_limit=100)["kept"]
    return kept


def test_nothing_is_kept_while_nobody_publishes(room: Room) -> None:
    send(room)
    add_person(room.database, "Dan")
    assert (take(room), measure(room)["waiting"]) == ([], 0)


def test_what_is_sent_is_kept_under_the_same_ids_and_taken_in_order(room: Room) -> None:
    claim(room)
    sent = send(room, 3) + send(room, 2)
    assert take(room) == sent
    assert measure(room)["waiting"] == 5


def test_a_key_that_is_being_published_is_left_alone(room: Room) -> None:
    claim(room)
    first = send(room)
    assert take(room, 1) == first
    later = send(room)
    room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))
    assert len(take(room)) == 1  # the other conversation's
    room.database.call("finish_kafka_outbox", ids=first, delivers=False)
    assert take(room) == later


def test_what_was_released_or_whose_lease_ran_out_is_taken_again(room: Room, owner_url: str) -> None:
    claim(room)
    sent = send(room, 2)
    assert take(room) == sent
    assert room.database.call("release_kafka_outbox", ids=sent) == {"released": 2}
    assert take(room) == sent
    with psycopg.connect(owner_url) as owner:
        owner.execute("update kafka_outbox set leased_until = clock_timestamp() - interval '1 second'")
    assert take(room) == sent


def test_finishing_clears_the_push_only_where_the_bridge_delivers(room: Room, owner_url: str) -> None:
    claim(room)
    tapped, through = send(room, 2)
    assert room.database.call("finish_kafka_outbox", ids=[tapped, tapped], delivers=False) == {"finished": 1}
    assert room.database.call("finish_kafka_outbox", ids=[through], delivers=True) == {"finished": 1}
    with psycopg.connect(owner_url) as owner:
        left = {str(row[0]) for row in owner.execute("select id from outbox").fetchall()}
    assert (tapped in left, through in left) == (True, False)


def test_what_is_refused_five_times_is_parked_and_the_rest_goes_on(room: Room) -> None:
    claim(room)
    poison = send(room)
    parked = []
    for _ in range(5):
        assert take(room) == poison
        parked.append(room.database.call("refuse_kafka_outbox", ids=poison, delivers=True)["parked"])
    later = send(room)
    assert (parked, take(room)) == ([0, 0, 0, 0, 1], later)
    assert (measure(room)["parked"], measure(room)["waiting"]) == (1, 1)


def test_every_kind_of_event_is_rendered_as_the_push_has_it(room: Room, owner_url: str) -> None:
    claim(room)
    send(room)
    with psycopg.connect(owner_url) as owner:
        for seq, event, user in (
            (3, "message.edited", None),
            (4, "member.joined", room.cho.id),
            (5, "member.left", room.cho.id),
            (6, "conversation.changed", room.ann.id),
        ):
            message = "(select id from messages where seq = 2)" if user is None else "null"
            owner.execute(
                "insert into conversation_log (conversation_id, seq, event, message_id, user_id) "
                f"values (%s, %s, %s, {message}, %s)",
                [room.id, seq, event, user],
            )
            owner.execute(
                "insert into outbox (conversation_id, seq, leased_until) values (%s, %s, now())", [room.id, seq]
            )
        owner.execute("insert into outbox (user_id, leased_until) values (%s, now())", [room.ben.id])
        pushes = owner.execute("select wire_outbox_row(o) from outbox o").fetchall()
    rendered = room.database.call("render_kafka_outbox", ids=take(room))
    assert len(rendered) == 6
    pushed = {push["id"]: _sorted(push) for (push,) in pushes}
    for row in rendered:
        key, occurred_at = row.pop("key"), row.pop("occurred_at")
        assert (_sorted(row), bool(occurred_at)) == (pushed[row["id"]], True)
        assert key == (str(room.ben.id) if row["event"] == "user.changed" else room.id)


def _sorted(push: dict[str, Any]) -> dict[str, Any]:
    return {**push, "to": sorted(push["to"])}


def test_after_a_week_without_a_claim_nothing_is_kept_and_what_waits_is_dropped(room: Room, owner_url: str) -> None:
    claim(room)
    send(room, 3)
    assert drop(room) == 0
    with psycopg.connect(owner_url) as owner:
        owner.execute("update kafka_tap set claimed_until = clock_timestamp() - interval '1 second'")
    send(room)
    assert measure(room)["waiting"] == 3
    assert drop(room) == 3
    assert drop(room) == 0
    claim(room)
    sent = send(room)
    assert take(room) == sent


def test_what_nobody_kept_is_kept_once_it_is_overdue_and_only_then(room: Room, owner_url: str) -> None:
    sent = send(room, 2)
    claim(room)
    assert keep(room) == 0
    with psycopg.connect(owner_url) as owner:
        owner.execute("update outbox set leased_until = clock_timestamp() where seq > 1")
    assert keep(room) == 2
    assert keep(room) == 0
    assert take(room) == sent
