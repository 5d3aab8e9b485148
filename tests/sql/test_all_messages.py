"""list_messages on a real Postgres: order, pages, access, and what it costs among many messages of others."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from shared.errors import DatabaseRefusal, Malformed
from tests.people import Known, item
from tests.sql.conftest import Room
from tests.sql.groups import Group


def read(room: Room, caller: Known, page_limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    page: dict[str, Any] = room.database.call("list_messages", caller=caller.id, page_limit=page_limit, cursor=cursor)
    return page


def read_all(room: Room, caller: Known, page_limit: int) -> list[list[str]]:
    pages, cursor = [], None
    for _ in range(100):
        page = read(room, caller, page_limit, cursor)
        pages.append([message["content"] for message in page["messages"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return pages
    raise AssertionError("the pages do not end")


def test_everything_said_to_somebody_newest_first_and_nothing_else(room: Room) -> None:
    group = Group(room.database, room.ben, [room.cho])
    for number, place in enumerate([room.id, group.id, room.id, group.id, group.id]):
        [result] = room.database.call("send_messages", messages=[item(room.ben, place, str(number))])["results"]
        assert result["status"] == 201
    assert read_all(room, room.ben, 50) == [["4", "3", "2", "1", "0"]]
    assert read_all(room, room.ben, 2) == [["4", "3"], ["2", "1"], ["0"]]
    assert read_all(room, room.ben, 5) == [["4", "3", "2", "1", "0"]]
    assert read_all(room, room.ann, 1) == [["2"], ["0"]]
    assert read_all(room, room.cho, 50) == [["4", "3", "1"]]
    [_, first] = read(room, room.ann)["messages"]
    assert first == room.database.call("get_message", caller=room.ann.id, message_id=first["id"])


def test_messages_of_one_moment_stand_on_one_page_each(room: Room) -> None:
    """A batch has one created_at: the id decides."""
    other = room.database.call("open_direct", caller=room.ben.id, recipient=str(room.cho.id))["conversation_id"]
    batch = [item(room.ben, place, f"{number}") for number in range(10) for place in (room.id, other)]
    room.database.call("send_messages", messages=batch)
    for page_limit in (1, 3, 19, 20):
        seen = [content for page in read_all(room, room.ben, page_limit) for content in page]
        assert sorted(seen) == sorted(one["content"] for one in batch), page_limit
    once = [message["id"] for message in read(room, room.ben)["messages"]]
    assert once == sorted(once, reverse=True)


def test_whoever_has_no_conversation_has_no_messages_and_no_account_is_refused(room: Room) -> None:
    assert read(room, room.cho) == {"messages": [], "next_cursor": None}
    with pytest.raises(DatabaseRefusal) as refusal:
        read(room, Known(uuid4(), "", ""))
    assert (refusal.value.status, refusal.value.code) == (401, "account_unknown")


def test_a_forged_cursor_is_malformed(room: Room) -> None:
    for keys in ("nonsense", '["yesterdayish", "7"]', '["2026-01-01", null]', "[null, null]", "[1, 2]", "[]", "null"):
        for cursor in (keys, keys.encode().hex()):
            with pytest.raises((DatabaseRefusal, Malformed)) as refusal:
                read(room, room.ann, cursor=cursor)
            assert refusal.value.status == 422, keys


MANY = """
    with place as (
        insert into conversations (kind, name, member_count) select 'group', 'g' || n, 2 from generate_series(1, 40) n
        returning id, name
    ), mine as (
        insert into members (conversation_id, user_id)
        select id, %(ann)s::uuid from place where name in ('g1', 'g2', 'g3')
    )
    insert into messages (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, created_at)
    select gen_random_uuid(), id, n, n, %(ben)s::uuid, 'hello', '', timestamptz '2026-01-01' + n * interval '1 minute'
    from place, generate_series(1, 500) n
"""
READ_ROWS = "select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'messages'"


def test_a_page_reads_its_own_messages_out_of_many_by_the_index(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(MANY, {"ann": room.ann.id, "ben": room.ben.id})
        owner.execute("analyze messages")
        cursor: str | None = None
        for _ in range(7):  # beyond the fifth call the plan may be a generic one
            with owner.transaction():
                [before] = owner.execute(READ_ROWS).fetchall()
                [(page,)] = owner.execute("select list_messages(%s, 20, %s)", [room.ann.id, cursor]).fetchall()
                [after] = owner.execute(READ_ROWS).fetchall()
            assert len(page["messages"]) == 20
            assert after[0] == before[0], "all messages of everybody were read"
            # Of each of three conversations one look, one page and what is before it; and then the page itself.
            assert 20 <= after[1] - before[1] <= 3 * (1 + 21 + 1) + 21
            cursor = page["next_cursor"]
