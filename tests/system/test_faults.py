"""Parts are killed and frozen in the middle of it: nothing acknowledged is lost, nothing is there twice, one order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.person import Person
from tests.system.replica import Replica
from tests.system.waiting import eventually

pytestmark = pytest.mark.system


class Writer:
    """Sends one message after the other, each with its id until it is acknowledged."""

    def __init__(self, person: Person, conversation_id: str) -> None:
        self.attempted: list[str] = []
        self.acknowledged: list[dict[str, Any]] = []
        self._person = person
        self._conversation_id = conversation_id
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def wait_for(self, more: int) -> None:
        """Until so many more were acknowledged."""
        goal = len(self.acknowledged) + more
        eventually(lambda: len(self.acknowledged) >= goal, f"{more} more messages")

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            message_id = str(uuid4())
            self.attempted.append(message_id)
            while not self._stopping.is_set():
                try:
                    answer = self._person.try_to_send(
                        f"message {len(self.attempted)}", conversation_id=self._conversation_id, id=message_id
                    )
                except requests.RequestException:
                    self._stopping.wait(0.1)
                    continue
                if answer.status_code < 300:
                    self.acknowledged.append(answer.json())
                    break
                assert answer.status_code == 503, answer.text
                self._stopping.wait(0.1)
            self._stopping.wait(0.005)


@pytest.fixture
def replicas(room: Room) -> Iterator[list[Replica]]:
    found = [Replica(room.ann, room.id), Replica(room.ben, room.id), Replica(room.ben, room.id, "polling")]
    yield found
    for replica in found:
        replica.close()


@pytest.fixture
def writers(room: Room) -> Iterator[list[Writer]]:
    found = [Writer(room.ann, room.id), Writer(room.ben, room.id)]
    yield found
    for writer in found:
        writer.stop()


def check_convergence(room: Room, replicas: list[Replica], writers: list[Writer]) -> None:
    """Everybody shows the server's history, which has all that was acknowledged, once, densely numbered."""
    for writer in writers:
        writer.stop()
    history = room.ann.history(room.id)
    ids = [message["id"] for message in history]
    acknowledged = [message for writer in writers for message in writer.acknowledged]
    attempted = {message_id for writer in writers for message_id in writer.attempted}
    assert {message["id"] for message in acknowledged} <= set(ids) <= attempted | {room.first["id"]}
    assert len(ids) == len(set(ids))
    assert [message["seq"] for message in history] == list(range(room.first["seq"], room.first["seq"] + len(history)))
    assert all(message in history for message in acknowledged)
    for writer in writers:
        assert [m["id"] for m in writer.acknowledged] == [id for id in ids if id in {*writer.attempted}][
            : len(writer.acknowledged)
        ]
    assert room.ben.history(room.id) == history
    for replica in replicas:
        eventually(lambda r=replica: r.shown == history, "a client showing the history")  # type: ignore[misc]
    eventually(lambda: room.stack.count("from outbox where conversation_id = %s", room.id) == 0, "an empty outbox", 45)


@EMBEDDED_USUALLY
def test_websocket_killed_while_messages_are_sent(room: Room, replicas: list[Replica], writers: list[Writer]) -> None:
    def write(more: int) -> None:
        for writer in writers:
            writer.wait_for(more)

    write(20)
    room.stack.websocket.kill()
    write(20)
    room.stack.websocket.start()
    for replica in replicas:
        replica.device.wait_until(lambda r=replica: r.device.connects == 2, "coming back by itself")  # type: ignore[misc]
    write(20)

    check_convergence(room, replicas, writers)


@EMBEDDED_USUALLY
def test_websocket_frozen_while_messages_are_sent(room: Room, replicas: list[Replica], writers: list[Writer]) -> None:
    writers[0].wait_for(10)
    room.stack.websocket.pause()
    for writer in writers:
        writer.wait_for(20)
    room.stack.websocket.resume()
    writers[0].wait_for(10)

    check_convergence(room, replicas, writers)


@EMBEDDED_USUALLY
def test_chat_killed_while_messages_are_sent(room: Room, replicas: list[Replica], writers: list[Writer]) -> None:
    for _ in range(2):
        for writer in writers:
            writer.wait_for(15)
        room.stack.chat.kill()
        room.stack.chat.start()
    for writer in writers:
        writer.wait_for(15)

    check_convergence(room, replicas, writers)


def test_chat_killed_between_commit_and_push_still_delivers(room: Room) -> None:
    stack, device = room.stack, room.ben.connect()
    waiting = "from outbox where conversation_id = %s"
    eventually(lambda: stack.count(waiting, room.id) == 0, "the first message being told")

    # The push gets no answer, so the row stays leased to a process that is gone in a moment.
    stack.websocket.pause()
    message = room.ann.send("committed", conversation_id=room.id)
    stack.chat.kill()
    # With the connection the pushed bytes are gone too: only the outbox knows of the message now.
    stack.websocket.kill()
    assert stack.count(waiting + " and leased_until > clock_timestamp()", room.id) == 1

    stack.websocket.start()
    device.wait_until(lambda: device.connects == 2, "coming back by itself")
    assert device.events("message.sent", seq=message["seq"]) == []
    stack.chat.start()

    device.wait_for_message(message)
    eventually(lambda: stack.count(waiting, room.id) == 0, "the row leaving the outbox")
    assert len(device.events("message.sent", seq=message["seq"])) == 1
    assert room.ben.history(room.id) == [room.first, message]


def test_a_push_that_finds_nobody_is_made_up_for(room: Room) -> None:
    stack = room.stack
    stack.websocket.kill()

    messages = [room.ann.send(f"while you were away {n}", conversation_id=room.id) for n in range(5)]
    assert room.ben.history(room.id) == [room.first, *messages]

    stack.websocket.start()
    stack.websocket.wait_until_ready()
    later = room.ann.send("and now", conversation_id=room.id)
    device = room.ben.connect()
    replica = Replica(room.ben, room.id)
    try:
        eventually(lambda: replica.shown == [room.first, *messages, later], "everything")
        after = room.ann.send("live again", conversation_id=room.id)
        device.wait_for_message(after)
        eventually(lambda: stack.count("from outbox where conversation_id = %s", room.id) == 0, "an empty outbox", 45)
    finally:
        replica.close()


def test_auth_down_leaves_those_who_are_signed_in_alone(room: Room) -> None:
    device = room.ben.connect()
    room.stack.auth.kill()

    message = room.ann.send("auth is away", conversation_id=room.id)
    device.wait_for_message(message)
    another = room.cho.connect()
    room.cho.send("I can still come in", to=room.ben.id)

    another.wait_for("message.sent")
    assert room.ben.history(room.id)[-1] == message


def test_without_auth_nobody_new_gets_in(room: Room) -> None:
    room.stack.auth.kill()

    answer = room.stack.http("chat", "not.a.token").request("GET", "/conversations")

    assert answer.status_code == 401
