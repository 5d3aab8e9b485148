"""send_messages and open_direct on a real Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from postgrest.exceptions import APIError

from shared.database import Contention
from shared.errors import DatabaseRefusal
from tests.people import item
from tests.sql.conftest import Room


def send(room: Room, *items: dict[str, Any]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = room.database.call("send_messages", messages=list(items))["results"]
    return results


def test_a_message_takes_the_next_seq_and_is_told_to_the_members(room: Room) -> None:
    first = item(room.ann, room.id)
    answer = room.database.call("send_messages", messages=[first])
    [result] = answer["results"]
    assert result["status"] == 201
    assert (result["message"]["seq"], result["message"]["content"]) == (2, "hello")  # 1 was conversation.created
    assert set(answer["recipients"][room.id]) == {str(room.ann.id), str(room.ben.id)}


def test_an_outsider_sends_nothing_and_learns_nothing(room: Room) -> None:
    [result] = send(room, item(room.cho, room.id))
    assert result == {"status": 404, "code": "conversation_not_found"}
    [elsewhere] = send(room, item(room.cho, str(uuid4())))
    assert elsewhere == result
    assert (
        room.database.call("list_changes", caller=room.ann.id, conversation_id=room.id, after_seq=0, page_limit=9)[
            "last_seq"
        ]
        == 1
    )


def test_somebody_without_an_account_is_told_so(room: Room) -> None:
    [result] = send(room, item(room.ann, room.id, sender_id=str(uuid4())))
    assert result == {"status": 401, "code": "account_unknown"}


def test_one_bad_item_does_not_hold_up_the_others(room: Room) -> None:
    results = send(room, item(room.ann, room.id), item(room.cho, room.id), item(room.ben, room.id))
    assert [result["status"] for result in results] == [201, 404, 201]
    assert [results[0]["message"]["seq"], results[2]["message"]["seq"]] == [2, 3]


def test_a_resend_is_the_same_message_even_in_one_batch(room: Room) -> None:
    once = item(room.ann, room.id)
    first, again = send(room, once, once)
    [later] = send(room, once)
    assert [first["status"], again["status"], later["status"]] == [201, 200, 200]
    assert first["message"] == again["message"] == later["message"]


def test_a_taken_id_is_refused_with_other_content_or_by_another_sender(room: Room) -> None:
    once = item(room.ann, room.id)
    send(room, once)
    other_content = {**once, "content": "else", "request_hash": "else"}
    other_sender = {**once, "sender_id": str(room.ben.id)}
    outsider = {**once, "sender_id": str(room.cho.id)}
    results = send(room, other_content, other_sender, outsider)
    assert {(result["status"], result["code"]) for result in results} == {(409, "message_id_taken")}


def test_a_resend_counts_after_the_sender_left(room: Room, owner_url: str) -> None:
    once = item(room.ann, room.id)
    send(room, once)
    with psycopg.connect(owner_url) as owner:
        owner.execute("delete from members where user_id = %s", [room.ann.id])
    [again, fresh] = send(room, once, item(room.ann, room.id))
    assert (again["status"], fresh["status"]) == (200, 404)


def test_a_reply_must_be_to_a_message_of_the_same_conversation(room: Room) -> None:
    [first] = send(room, item(room.ann, room.id))
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    reply_to = first["message"]["id"]
    results = send(room, item(room.ben, room.id, reply_to=reply_to), item(room.ann, other, reply_to=reply_to))
    assert [(result["status"], result.get("code")) for result in results] == [(201, None), (404, "message_not_found")]


def test_a_reply_may_travel_with_the_message_it_answers(room: Room) -> None:
    first = item(room.ann, room.id)
    results = send(room, first, item(room.ben, room.id, reply_to=first["id"]))
    assert [result["status"] for result in results] == [201, 201]
    assert results[1]["message"]["reply_to"] == first["id"]


def test_a_reply_to_a_message_that_is_refused_with_it_leaves_nothing_behind(room: Room) -> None:
    refused = item(room.cho, room.id)
    with pytest.raises((psycopg.Error, APIError), match="messages_reply_to_fkey"):  # the batcher then sends each alone
        send(room, refused, item(room.ben, room.id, reply_to=refused["id"]))
    [alone] = send(room, item(room.ben, room.id, reply_to=refused["id"]))
    assert alone == {"status": 404, "code": "message_not_found"}


def test_many_senders_leave_no_gap_and_no_deadlock(room: Room) -> None:
    other = room.database.call("open_direct", caller=room.ben.id, recipient=str(room.cho.id))["conversation_id"]

    def send_batches(sender: Any) -> int:
        conversations = [room.id, other] if sender is room.ben else [room.id]
        total = 0
        for _ in range(25):
            results = send(room, *(item(sender, conversation) for conversation in conversations))
            total += sum(result["status"] == 201 for result in results)
        return total

    with ThreadPoolExecutor(8) as pool:
        sent = sum(pool.map(send_batches, [room.ann, room.ben] * 4))
    assert sent == 8 * 25 + 4 * 25
    seqs = [
        message["seq"]
        for page_end in (None, 101)
        for message in room.database.call(
            "list_history",
            caller=room.ann.id,
            conversation_id=room.id,
            peer=None,
            before_seq=page_end,
            after_seq=None,
            page_limit=200,
        )["messages"]
    ]
    assert sorted(set(seqs)) == list(range(2, 202))


def test_an_id_written_elsewhere_at_the_same_moment_undoes_the_whole_batch(room: Room, owner_url: str) -> None:
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    contested = item(room.ann, room.id)
    with psycopg.connect(owner_url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(
            "select send_messages(%s::jsonb)", [psycopg.types.json.Jsonb([{**contested, "conversation_id": other}])]
        )
        waiting = pool.submit(send, room, contested, item(room.ann, room.id))
        while not rival.execute("select 1 from pg_stat_activity where wait_event_type = 'Lock'").fetchone():
            pass
        rival.commit()
        with pytest.raises(Contention):
            waiting.result(timeout=30)
    history = room.database.call("list_changes", caller=room.ann.id, conversation_id=room.id, after_seq=0, page_limit=9)
    assert history["last_seq"] == 1


def test_a_locked_conversation_is_given_up_after_two_seconds(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as rival:
        rival.execute("select 1 from conversations where id = %s for update", [room.id])
        with pytest.raises(Contention):
            send(room, item(room.ann, room.id))


def test_two_people_have_one_direct_conversation_whoever_opens_it(room: Room) -> None:
    def open_it(pair: tuple[Any, Any]) -> dict[str, Any]:
        opened: dict[str, Any] = room.database.call("open_direct", caller=pair[0].id, recipient=str(pair[1].id))
        return opened

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_it, [(room.ben, room.cho), (room.cho, room.ben)] * 10))
    assert len({one["conversation_id"] for one in opened}) == 1
    assert sum(one["created"] for one in opened) == 1
    assert sum(one["delivery"] is not None for one in opened) == 1


@pytest.mark.parametrize("written", ["ben@example.org", "BEN@Example.org"])
def test_a_direct_conversation_opens_by_exact_email(room: Room, written: str) -> None:
    assert room.database.call("open_direct", caller=room.ann.id, recipient=written)["conversation_id"] == room.id


@pytest.mark.parametrize("written", ["ben@example.or", "nobody", "", "%", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_recipient_is_not_found(room: Room, written: str) -> None:
    with pytest.raises(DatabaseRefusal) as refused:
        room.database.call("open_direct", caller=room.ann.id, recipient=written)
    assert (refused.value.status, refused.value.code) == (404, "user_not_found")


def test_nobody_opens_a_conversation_with_themselves(room: Room) -> None:
    with pytest.raises(DatabaseRefusal) as refused:
        room.database.call("open_direct", caller=room.ann.id, recipient=str(room.ann.id))
    assert (refused.value.status, refused.value.code) == (422, "own_conversation")


def test_the_services_login_is_no_superuser(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
    assert row == (False, False, False)
