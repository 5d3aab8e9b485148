"""Who hears of a changed name: everybody who shares a conversation, however large."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.conftest import Room
from tests.sql.groups import Group


def rename(room: Room, person: UUID) -> list[dict[str, Any]]:
    """The deliveries of a changed name."""
    name = f"renamed {uuid4().hex[:6]}"
    room.database.call("update_user", caller=person, user_id=person, changes={"name": name})
    rows: list[dict[str, Any]] = room.database.call("take_outbox", page_limit=100)
    told = [row for row in rows if row["event"] == "user.changed"]
    assert all(row["data"]["user"]["name"] == name for row in told)
    return told


def crowd(owner: psycopg.Connection, group: str, number: int) -> list[str]:
    """So many people more in a group, of whom nobody was ever here."""
    added = owner.execute(
        "with made as (insert into users (id, email, name) "
        "select gen_random_uuid(), md5(%s || n::text) || '@x.org', 'x' from generate_series(1, %s) n returning id), "
        "joined as (insert into members (conversation_id, user_id) select %s, id from made) "
        "select array_agg(id::text) from made",
        [group, number, group],
    ).fetchone()
    owner.execute("update conversations set member_count = member_count + %s where id = %s", [number, group])
    assert added is not None
    return list(added[0])


def test_members_of_a_large_group_hear_of_it_once_and_nobody_outside(room: Room, owner_url: str) -> None:
    group = Group(room.database, room.ann, [room.ben])
    with psycopg.connect(owner_url) as owner:
        others = crowd(owner, group.id, 150)
    [told] = rename(room, room.ann.id)
    assert sorted(told["to"]) == sorted([str(room.ann.id), str(room.ben.id), *others])  # ben, though in both, once
    assert set(told["data"]["user"]) == {"id", "name", "avatar_url", "created_at", "deleted_at"}
    [alone] = rename(room, room.cho.id)
    assert alone["to"] == [str(room.cho.id)]


def test_of_more_than_ten_thousand_those_hear_who_are_here(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        groups = [Group(room.database, room.ann, [room.ben]).id for _ in range(3)]
        crowds = [crowd(owner, group, 4_000) for group in groups]
        owner.execute("insert into presence (user_id, online, last_seen) values (%s, true, now())", [crowds[2][-1]])
        owner.execute("insert into presence (user_id, online, last_seen) values (%s, false, now())", [crowds[1][-1]])
    [told] = rename(room, room.ann.id)
    assert len(told["to"]) == 10_001  # and ann's own devices
    assert {crowds[2][-1], crowds[1][-1], str(room.ann.id)} <= set(told["to"])
    assert len(set(told["to"])) == len(told["to"])


@pytest.mark.parametrize("role", ["owner", "member"])
def test_somebody_deleted_leaves_groups_whole(room: Room, role: str) -> None:
    group = Group(room.database, room.ann, [room.ben, room.cho])
    group.send(room.ben, "hello from ben")
    group.send(room.ann, "hello from ann")
    gone, heir = (room.ann, room.ben) if role == "owner" else (room.ben, room.ann)
    room.database.call("take_outbox", page_limit=100)
    room.database.call("delete_user", caller=gone.id, user_id=gone.id)
    seen = group.look(room.cho)
    assert (seen["member_count"], seen["owner_ids"]) == (2, [str(heir.id)])
    history = group.call("list_history", room.cho, peer=None, before_seq=None, after_seq=None, page_limit=50)
    assert [message["content"] for message in history["messages"]] == ["hello from ben", "hello from ann"]
    assert str(gone.id) in {message["sender_id"] for message in history["messages"]}
    events = group.call("list_changes", room.cho, after_seq=0, page_limit=50)["events"]
    [left] = [event for event in events if event["event"] == "member.left"]
    assert (left["data"]["user"]["id"], left["data"]["user"]["name"]) == (str(gone.id), "Deleted user")
    told = {row["event"]: row for row in room.database.call("take_outbox", page_limit=100)}
    assert str(room.cho.id) in told["member.left"]["to"]
    assert told["member.left"]["data"]["user"]["name"] == "Deleted user"
