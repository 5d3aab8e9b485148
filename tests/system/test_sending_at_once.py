"""Many sends at the same moment: one row an id, one order for everybody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.person import Person
from tests.system.replica import Replica
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]

MESSAGES_EACH = 50


def all_at_once(times: int, act: Callable[[int], Any]) -> list[Any]:
    """Runs ``act`` in so many threads that all start together."""
    start = threading.Barrier(times)

    def run(number: int) -> Any:
        start.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_the_same_id_a_hundred_times_at_once_is_one_message(room: Room) -> None:
    message_id = str(uuid4())
    device = room.ben.connect()

    answers: list[requests.Response] = all_at_once(
        100, lambda _: room.ann.try_to_send("once", conversation_id=room.id, id=message_id, check=False)
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 99}
    assert len({answer.text for answer in answers}) == 1
    assert room.stack.count("from messages where id = %s", message_id) == 1
    assert [message["id"] for message in room.ben.history(room.id)] == [room.first["id"], message_id]
    again = answers[0].json()
    after = room.ann.send("after", conversation_id=room.id)
    device.wait_for_message(after)
    heard = {(event["seq"], event["message"]["id"]) for event in device.events("message.sent")}
    # The room's first message was sent before ben connected; on a busy machine it may be told after.
    assert heard - {(room.first["seq"], room.first["id"])} == {(again["seq"], again["id"]), (after["seq"], after["id"])}


def test_the_first_message_to_somebody_opens_one_conversation_however_many_come_first(ann: Person, ben: Person) -> None:
    def send(number: int) -> dict[str, Any]:
        sender, other = (ann, ben) if number % 2 else (ben, ann)
        return sender.send(f"first {number}", to=other.id)

    messages: list[dict[str, Any]] = all_at_once(16, send)

    assert len({message["conversation_id"] for message in messages}) == 1
    assert len(ann.conversations()) == len(ben.conversations()) == 1
    assert sorted(message["seq"] for message in messages) == list(range(2, 18))


def test_four_senders_at_full_speed_leave_no_gap_and_one_order(room: Room) -> None:
    followers = [Replica(room.ann, room.id), Replica(room.ben, room.id), Replica(room.ben, room.id, "polling")]
    try:

        def send(number: int) -> list[dict[str, Any]]:
            sender = (room.ann, room.ben)[number % 2]
            return [
                sender.try_to_send(f"{number}-{n}", conversation_id=room.id, check=False).json()
                for n in range(MESSAGES_EACH)
            ]

        sent: list[list[dict[str, Any]]] = all_at_once(4, send)
        history = room.ann.history(room.id)

        seqs = [message["seq"] for message in history]
        assert seqs == list(range(room.first["seq"], room.first["seq"] + 1 + 4 * MESSAGES_EACH))
        assert room.ben.history(room.id) == history
        for messages in sent:
            mine = {message["id"] for message in messages}
            assert [message["id"] for message in history if message["id"] in mine] == [m["id"] for m in messages]
        times = [message["created_at"] for message in history]
        assert times == sorted(times)
        for follower in followers:
            eventually(lambda f=follower: f.shown == history, "a client showing the history")  # type: ignore[misc]
    finally:
        for follower in followers:
            follower.close()


def test_the_same_id_with_other_content_is_taken(room: Room) -> None:
    sent = room.ann.send("this", conversation_id=room.id)

    again = room.ann.try_to_send("this", conversation_id=room.id, id=sent["id"])
    other = room.ann.try_to_send("that", conversation_id=room.id, id=sent["id"])
    elsewhere = room.ann.try_to_send("this", to=room.cho.id, id=sent["id"])

    assert (again.status_code, again.json()) == (200, sent)
    for refused in (other, elsewhere):
        assert (refused.status_code, refused.json()["code"]) == (409, "message_id_taken")
    assert [message["content"] for message in room.ben.history(room.id)] == [room.first["content"], "this"]


def test_the_same_id_from_somebody_else_is_taken(room: Room) -> None:
    sent = room.ann.send("mine", conversation_id=room.id)

    inside = room.ben.try_to_send("mine", conversation_id=room.id, id=sent["id"])
    outside = room.cho.try_to_send("mine", to=room.ann.id, id=sent["id"])

    for refused in (inside, outside):
        assert (refused.status_code, refused.json()["code"]) == (409, "message_id_taken")
        assert "mine" not in refused.text
    assert len(room.ben.history(room.id)) == 2
