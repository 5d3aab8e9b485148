"""What waits to be told to large groups leaves the outbox in lots that a call can carry."""

from __future__ import annotations

import psycopg

from tests.people import item
from tests.sql.conftest import Room
from tests.sql.groups import Group


def test_events_of_large_groups_are_taken_a_few_at_a_time_and_none_is_left(room: Room, owner_url: str) -> None:
    group = Group(room.database, room.ann, [room.ben])
    room.database.call("send_messages", messages=[item(room.ann, group.id) for _ in range(25)])
    room.database.call("send_messages", messages=[item(room.ann, room.id) for _ in range(3)])
    with psycopg.connect(owner_url) as owner:
        owner.execute("update conversations set member_count = 5000 where id = %s", [group.id])
        owner.execute("update outbox set leased_until = created_at")
    lots = []
    for _ in range(9):
        lot = room.database.call("take_outbox", page_limit=200)
        lots.append(len(lot))
        if not lot:
            break
    # Both conversations were opened, one event each; then ten of the group are 50,000 deliveries.
    assert (sum(lots), lots[-1], max(lots)) == (30, 0, 11)
    assert lots[0] in (10, 11)


def test_one_event_for_more_people_than_a_lot_has_is_still_taken(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update conversations set member_count = 60000")
        owner.execute("update outbox set leased_until = created_at")
    assert len(room.database.call("take_outbox", page_limit=200)) == 1
