"""Groups, edits and deletions through all services: what everybody's devices come to show is what history says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.person import Person
from tests.system.replica import Replica
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]


@dataclass
class Group:
    """ann owns it, ben is in it, cho is outside; ``devices`` follow it for all three."""

    stack: Stack
    ann: Person
    ben: Person
    cho: Person
    id: str
    devices: list[Replica] = field(default_factory=list)

    def follow(self, person: Person, *transports: str) -> Replica:
        replica = Replica(person, self.id, *transports)
        self.devices.append(replica)
        return replica

    def check(self, owner: Person, *others: Person) -> None:
        """All devices of the members show what the server has; the others' show nothing."""
        members = {person.id: person for person in (owner, *others)}
        conversation, history = owner.conversation(self.id), owner.history(self.id)
        circle = (conversation["name"], set(conversation["owner_ids"]), set(members))
        assert conversation["member_count"] == len(members)
        assert owner.id in conversation["owner_ids"]
        for device in self.devices:
            wanted = (history, circle) if device.person_id in members else ([], (None, set(), set()))
            eventually(
                lambda device=device, wanted=wanted: (device.shown, device.circle) == wanted,  # type: ignore[misc]
                "a device showing what is there",
            )


@pytest.fixture
def group(stack: Stack, ann: Person, ben: Person, cho: Person) -> Iterator[Group]:
    group = Group(stack, ann, ben, cho, ann.open_group("friends", ben))
    yield group
    for device in group.devices:
        device.close()


def test_every_change_reaches_every_member_and_nobody_else(group: Group) -> None:
    ann, ben, cho = group.ann, group.ben, group.cho
    for person, transport in ((ann, "websocket"), (ben, "websocket"), (ben, "polling"), (cho, "websocket")):
        group.follow(person, transport)
    outsider = cho.connect()
    helo, bye = ben.send("helo", conversation_id=group.id), ben.send("bye", conversation_id=group.id)
    ben.edit(helo, "hello")
    ann.delete(bye)
    ann.rename(group.id, "best friends")
    group.check(ann, ben)
    assert [message["content"] for message in ben.history(group.id)] == ["hello", None]
    assert outsider.heard == []

    joined = ann.take_in(group.id, cho)
    assert joined["last_read_seq"] == cho.conversation(group.id)["last_seq"]
    assert cho.conversation(group.id)["unread"] == 0
    cho.send("who else is here?", conversation_id=group.id, reply_to=helo["id"])
    group.check(ann, ben, cho)

    ann.take_out(group.id, ann)
    group.check(ben, cho)
    ben.take_out(group.id, cho)
    group.check(ben)
    for path in (f"/conversations/{group.id}", f"/messages/{helo['id']}", f"/chat/changes?conversation_id={group.id}"):
        assert cho.chat.request("GET", path).status_code == 404
    ben.take_in(group.id, cho, role="owner")
    group.check(cho, ben)


def test_what_changed_while_a_device_was_away_is_caught_up(group: Group) -> None:
    ann, ben, cho = group.ann, group.ben, group.cho
    first, second = (ann.send(text, conversation_id=group.id) for text in ("first", "second"))
    ann.take_in(group.id, cho)
    bens, chos = group.follow(ben), group.follow(cho)
    group.check(ann, ben, cho)
    for replica in (bens, chos):
        replica.device.client.disconnect()

    ann.edit(first, "the first")
    ann.delete(second)
    ann.rename(group.id, "old friends")
    ann.take_out(group.id, cho)
    third = ann.send("third", conversation_id=group.id)
    assert third["id"] not in bens.messages

    for replica in (bens, chos):
        replica.device.connect()
    group.check(ann, ben)


def test_members_who_change_everything_at_once_come_to_see_the_same(group: Group) -> None:
    ann, ben, cho = group.ann, group.ben, group.cho
    ann.take_in(group.id, cho, role="owner")
    for person in (ann, ben, cho):
        group.follow(person)

    def write(person: Person) -> None:
        for number in range(8):
            message = person.send(f"{number} of {person.id}", conversation_id=group.id)
            person.edit(message, f"{number}, edited")
            if number % 3 == 0:
                person.delete(message)

    def reshape(_: Person) -> None:
        for number in range(5):
            ann.rename(group.id, f"friends {number}")
            cho.take_in(group.id, ben, role=("owner", "member")[number % 2])

    work: list[tuple[Callable[[Person], None], Person]] = [(write, ann), (write, ben), (write, cho), (reshape, ann)]
    with ThreadPoolExecutor(len(work)) as pool:
        for done in [pool.submit(act, person) for act, person in work]:
            done.result(timeout=60)

    group.check(ann, ben, cho)
    assert log_of(group) == list(range(1, ann.conversation(group.id)["last_seq"] + 1))
    eventually(lambda: group.stack.count("from outbox where conversation_id = %s", group.id) == 0, "an empty outbox")


def log_of(group: Group) -> list[int]:
    """Every position, page by page."""
    seqs: list[int] = []
    while True:
        events: list[dict[str, Any]] = group.ann.changes(group.id, len(seqs))["events"]
        if not events:
            return seqs
        seqs += [event["seq"] for event in events]


def test_a_deleted_person_leaves_the_group_to_the_others(group: Group) -> None:
    ann, ben = group.ann, group.ben
    said = ann.send("goodbye", conversation_id=group.id)
    group.follow(ben)
    device = ben.connect()
    ann.auth.request("DELETE", f"/users/{ann.id}")
    left = device.wait_for("member.left", conversation_id=group.id)
    assert (left["user"]["id"], left["user"]["name"], left["member_count"]) == (ann.id, "Deleted user", 1)
    group.check(ben)
    assert ben.history(group.id) == [said]


def test_all_messages_of_all_conversations_are_read_newest_first(room: Room) -> None:
    group_id = room.ben.open_group("friends", room.cho)
    sent = [room.first]
    for number in range(4):
        sent.append(room.ben.send(f"number {number}", conversation_id=(group_id, room.id)[number % 2]))
    page = room.ben.chat.get("/messages", limit=3)
    rest = room.ben.chat.get("/messages", limit=3, cursor=page["next_cursor"])
    assert page["messages"] + rest["messages"] == sent[::-1]
    assert rest["next_cursor"] is None
    assert [message["id"] for message in room.cho.chat.get("/messages")["messages"]] == [sent[3]["id"], sent[1]["id"]]
