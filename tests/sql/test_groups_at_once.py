"""Everything at the same moment: sends, edits, deletions, joins, leaves and deleted people never lock each other up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from shared.database import Contention
from shared.errors import DatabaseRefusal
from shared.postgres_database import PostgresDatabase
from tests.people import Known, add_person, item
from tests.sql.groups import Group

THREADS, STEPS = 8, 40
BROKEN = """
    select c.id, c.last_seq, c.member_count from conversations c where
        c.last_seq <> (select count(*) from conversation_log l where l.conversation_id = c.id)
        or c.last_seq <> (select max(l.seq) from conversation_log l where l.conversation_id = c.id)
        or c.member_count <> (select count(*) from members m where m.conversation_id = c.id)
        or c.kind = 'group' and c.member_count > 0 and not exists (
            select from members m where m.conversation_id = c.id and m.role = 'owner'
        )
        or c.kind = 'group' and exists (
            select from members m join users u on u.id = m.user_id
            where m.conversation_id = c.id and u.deleted_at is not null
        )
"""
STALE = """
    select m.id from messages m where m.changed_seq <> (
        select max(l.seq) from conversation_log l where l.message_id = m.id
    )
"""
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


@pytest.fixture
def port(database_url: str) -> Iterator[PostgresDatabase]:
    port = PostgresDatabase(database_url, connections=THREADS)
    yield port
    port.close()


def insist(step: Callable[[], Any]) -> None:
    """Until it is done or refused. A lock not had in time is asked for again, as a client does."""
    for _ in range(20):
        try:
            step()
        except Contention:
            continue
        except DatabaseRefusal:
            return
        else:
            return
    raise AssertionError("busy 20 times")


class Crowd:
    """People in three groups, and one thread's steps among them."""

    def __init__(self, port: PostgresDatabase) -> None:
        self.port = port
        self.people = [add_person(port, f"P{number}") for number in range(12)]
        self.groups = [Group(port, owner, self.people) for owner in self.people[:3]]
        self.message_ids = [group.send(self.people[0])["message"]["id"] for group in self.groups]

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        for number in range(STEPS):
            if number == STEPS // 4:
                insist(self.growth_of(self.people[seed], self.people[(seed + 1) % 8]))
            if number == STEPS // 2:
                insist(self.deletion_of(self.people[8 + seed % 4]))
            insist(self.choose_step(chance, f"{seed} {number}"))

    def choose_step(self, chance: random.Random, text: str) -> Callable[[], Any]:
        one, other = chance.sample(self.people[:8], 2)
        group, message_id = chance.choice(self.groups), chance.choice(self.message_ids)
        steps: list[Callable[[], Any]] = [
            lambda: self.send(one),
            lambda: self.send(one),
            lambda: self.change("edit_message", one, message_id, content=text),
            lambda: self.change("delete_message", one, message_id),
            lambda: group.call("rename_group", one, name=text),
            lambda: group.put(one, other, chance.choice([None, "owner", "member"])),
            lambda: group.put(other, one, "owner"),
            lambda: group.remove(one, chance.choice([one, other])),
            lambda: group.call("mark_read", one, read_seq=chance.randrange(100)),
            lambda: self.groups.append(Group(self.port, one, self.people[4:])),
        ]
        return chance.choice(steps)

    def growth_of(self, owner: Known, other: Known) -> Callable[[], Any]:
        """A join whatever chance decides."""
        return lambda: Group(self.port, owner, []).put(owner, other)

    def deletion_of(self, person: Known) -> Callable[[], Any]:
        return lambda: self.port.call("delete_user", caller=person.id, user_id=person.id)

    def send(self, sender: Known) -> None:
        """To several groups in one batch, as the batcher does."""
        batch = [item(sender, group.id) for group in self.groups[:3]]
        results = self.port.call("send_messages", messages=batch)["results"]
        self.message_ids += [result["message"]["id"] for result in results if result["status"] == 201]

    def change(self, function: str, caller: Known, message_id: str, **arguments: Any) -> None:
        self.port.call(function, caller=caller.id, message_id=message_id, **arguments)


def test_whatever_happens_at_once_leaves_no_gap_no_deadlock_and_every_group_whole(
    port: PostgresDatabase, owner_url: str
) -> None:
    crowd = Crowd(port)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(crowd.run, range(THREADS)))
    port.close()  # so that the server counts what these connections saw
    with psycopg.connect(owner_url) as owner:
        assert owner.execute(BROKEN).fetchall() == []
        assert owner.execute(STALE).fetchall() == []
        assert owner.execute("select count(*) from users where deleted_at is not null").fetchone() == (4,)
        kinds = {row[0] for row in owner.execute("select distinct event from conversation_log").fetchall()}
        assert owner.execute(DEADLOCKS).fetchone() == (0,)
    assert kinds == {
        "message.sent",
        "message.edited",
        "message.deleted",
        "conversation.created",
        "conversation.changed",
        "member.joined",
        "member.left",
    }


def test_of_many_who_join_at_once_only_as_many_as_fit(port: PostgresDatabase, owner_url: str) -> None:
    ann, *others = [add_person(port, f"P{number}") for number in range(9)]
    group = Group(port, ann, [])
    with psycopg.connect(owner_url) as owner:
        owner.execute("update conversations set member_count = 4997 where id = %s", [group.id])

    def join(person: Known) -> str:
        try:
            group.put(ann, person)
        except DatabaseRefusal as refusal:
            return refusal.code
        return "joined"

    with ThreadPoolExecutor(len(others)) as pool:
        outcomes = list(pool.map(join, others))
    assert (outcomes.count("joined"), outcomes.count("group_full")) == (3, 5)
    assert group.look(ann)["member_count"] == 5_000


def test_one_request_sent_by_many_at_once_makes_one_group(port: PostgresDatabase) -> None:
    ann, ben = add_person(port, "Ann"), add_person(port, "Ben")
    group = Group(port, ann, [ben])
    group.id = group.id[:-1] + ("0" if group.id[-1] != "0" else "1")
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(lambda _: group.open(ann, [ben])["created"], range(THREADS)))
    assert made.count(True) == 1
    assert group.log(ben) == [(1, "conversation.created")]


def test_two_deletions_of_one_message_are_one(port: PostgresDatabase) -> None:
    ann = add_person(port, "Ann")
    group = Group(port, ann, [])
    message_id = group.send(ann)["message"]["id"]
    with ThreadPoolExecutor(THREADS) as pool:
        deleted = list(
            pool.map(
                lambda _: port.call("delete_message", caller=ann.id, message_id=message_id)["deliveries"],
                range(THREADS),
            )
        )
    assert sorted(len(deliveries) for deliveries in deleted) == [0] * (THREADS - 1) + [1]
    assert group.log(ann)[-1] == (3, "message.deleted")


def test_whoever_was_taken_out_meanwhile_marks_nothing_as_read(port: PostgresDatabase, owner_url: str) -> None:
    ann, ben = add_person(port, "Ann"), add_person(port, "Ben")
    group = Group(port, ann, [ben])
    with psycopg.connect(owner_url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute("select remove_member(%s, %s, %s)", [ann.id, group.id, ben.id])
        reading = pool.submit(group.call, "mark_read", ben, read_seq=1)
        wait_for_a_waiter(rival)
        rival.commit()
        with pytest.raises(DatabaseRefusal, match="Conversation not found"):
            reading.result(timeout=30)


def test_nobody_deleted_stays_in_a_group_they_are_taken_into_meanwhile(port: PostgresDatabase, owner_url: str) -> None:
    ann, ben, cho = (add_person(port, name) for name in ("Ann", "Ben", "Cho"))
    group = Group(port, ann, [])
    with psycopg.connect(owner_url) as rival, ThreadPoolExecutor(1) as pool:
        rival.execute("select put_member(%s, %s, %s, null)", [ann.id, group.id, ben.id])
        deleting = pool.submit(port.call, "delete_user", caller=ben.id, user_id=ben.id)
        wait_for_a_waiter(rival)
        rival.commit()
        assert deleting.result(timeout=30) == {"deleted": True}
        assert group.look(ann)["member_count"] == 1

        rival.execute("select delete_user(%s, %s)", [cho.id, cho.id])
        joining = pool.submit(group.put, ann, cho)
        wait_for_a_waiter(rival)
        rival.commit()
        with pytest.raises(DatabaseRefusal, match="User not found"):
            joining.result(timeout=30)


def wait_for_a_waiter(owner: psycopg.Connection) -> None:
    """Until another session of this database waits for a lock."""
    deadline = time.monotonic() + 30
    while owner.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchone() == (0,):
        assert time.monotonic() < deadline, "nobody waited"
        owner.execute("select pg_stat_clear_snapshot()")
