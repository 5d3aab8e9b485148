"""The outbox on a real Postgres: leased, taken once, finished, released, parked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.people import item
from tests.sql.conftest import Room


def take(room: Room, limit: int = 100) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = room.database.call("take_outbox", page_limit=limit)
    return taken


def make_overdue(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update outbox set leased_until = clock_timestamp() - interval '1 second'")


def test_a_row_is_born_leased_to_the_process_that_pushes_it(room: Room) -> None:
    room.database.call("send_messages", messages=[item(room.ann, room.id)])
    assert take(room) == []


def test_an_overdue_row_is_the_event_itself(room: Room, owner_url: str) -> None:
    sent = room.database.call("send_messages", messages=[item(room.ann, room.id)])["results"][0]
    make_overdue(owner_url)
    created, told = take(room)
    assert created["event"] == "conversation.created"
    assert told == {
        "id": sent["outbox_id"],
        "to": told["to"],
        "event": "message.sent",
        "data": {"conversation_id": room.id, "seq": 2, "message": sent["message"]},
    }
    assert set(told["to"]) == {str(room.ann.id), str(room.ben.id)}
    assert take(room) == []  # leased again


def test_several_sweepers_never_take_the_same_row(room: Room, owner_url: str) -> None:
    room.database.call("send_messages", messages=[item(room.ann, room.id) for _ in range(60)])
    make_overdue(owner_url)
    with ThreadPoolExecutor(6) as pool:
        taken = [row["id"] for rows in pool.map(lambda _: take(room, 10), range(12)) for row in rows]
    assert len(taken) == len(set(taken)) == 61


def test_a_finished_row_is_gone(room: Room, owner_url: str) -> None:
    make_overdue(owner_url)
    [row] = take(room)
    assert room.database.call("finish_outbox", ids=[row["id"], row["id"]]) == {"finished": 1}
    make_overdue(owner_url)
    assert take(room) == []


def test_a_released_row_is_overdue_at_once(room: Room, owner_url: str) -> None:
    make_overdue(owner_url)
    [row] = take(room)
    room.database.call("release_outbox", ids=[row["id"]])
    assert take(room) == [row]


def test_a_row_refused_five_times_is_parked_and_counted(room: Room, owner_url: str) -> None:
    parked = []
    for _ in range(5):
        make_overdue(owner_url)
        [row] = take(room)
        parked.append(room.database.call("refuse_outbox", ids=[row["id"]])["parked"])
    make_overdue(owner_url)
    assert (parked, take(room)) == ([0, 0, 0, 0, 1], [])
    assert room.database.call("measure_outbox")["parked"] == 1


def test_a_member_who_left_hears_of_it(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("delete from members where user_id = %s", [room.ben.id])
        owner.execute(
            "insert into conversation_log (conversation_id, seq, event, user_id) values (%s, 2, 'member.left', %s)",
            [room.id, room.ben.id],
        )
        owner.execute("insert into outbox (conversation_id, seq, leased_until) values (%s, 2, now())", [room.id])
    [row] = take(room)
    assert set(row["to"]) == {str(room.ann.id), str(room.ben.id)}
    assert row["data"]["user"]["name"] == "Ben"


def test_a_changed_user_is_told_to_those_who_share_a_conversation(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("insert into outbox (user_id, leased_until) values (%s, now())", [room.ann.id])
    [row] = take(room)
    assert row["event"] == "user.changed"
    assert set(row["to"]) == {str(room.ann.id), str(room.ben.id)}
    assert "email" not in row["data"]["user"]
