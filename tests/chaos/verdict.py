"""After the storm: is everybody's view the history, and is the history what was acknowledged?"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import Any

import psycopg

from tests.chaos.follower import Follower
from tests.chaos.people import Person, persist
from tests.chaos.requests import Service
from tests.chaos.writer import Work
from tests.conftest import Database

PAGE = 200
Conversations = dict[str, list[dict[str, Any]]]


class Truth:
    """What the database's owner finds: memberships, log ends, what waits."""

    def __init__(self, database: Database) -> None:
        self._url = database.owner_url

    def read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._url) as owner:
            return owner.execute(statement.encode(), values or None).fetchall()

    def memberships(self) -> dict[str, set[str]]:
        """Conversations by person."""
        found: dict[str, set[str]] = defaultdict(set)
        for user_id, conversation_id in self.read("select user_id::text, conversation_id::text from members"):
            found[user_id].add(conversation_id)
        return found

    def ends(self) -> dict[str, int]:
        return dict(self.read("select id::text, last_seq from conversations"))

    def waiting(self) -> dict[str, int]:
        """Rows of the outboxes, those given up among them."""
        return {table: int(self.read(f"select count(*) from {table}")[0][0]) for table in ("outbox", "kafka_outbox")}

    def log(self, since: float = 0.0) -> set[tuple[str, int]]:
        """(conversation_id, seq) of all that happened after ``since``, Unix seconds."""
        statement = "select conversation_id::text, seq from conversation_log where created_at > to_timestamp(%s)"
        return {(row[0], row[1]) for row in self.read(statement, since)}

    def check_log(self) -> None:
        """From 1 to last_seq in every conversation, without a gap."""
        gaps = self.read(
            "select c.id, c.last_seq, count(l.seq), max(l.seq) from conversations c"
            " left join conversation_log l on l.conversation_id = c.id group by c.id"
            " having count(l.seq) <> c.last_seq or max(l.seq) <> c.last_seq"
        )
        assert gaps == []


async def wait_for_quiet(truth: Truth, followers: list[Follower], within: float) -> float:
    """Seconds until the outboxes are empty and every client knows each of its conversations to the end.

    Nobody helps: no event is sent and nobody is told to look. Raises AssertionError saying who is behind what.
    """
    began = time.monotonic()
    while True:
        waiting = truth.waiting()
        behind = _find_behind(truth, followers)
        if not any(waiting.values()) and not behind:
            return time.monotonic() - began
        if time.monotonic() - began > within:
            raise AssertionError(
                f"not quiet after {within:.0f} s: waiting {waiting}, {len(behind)} behind: {behind[:5]}"
            )
        await asyncio.sleep(0.5)


def _find_behind(truth: Truth, followers: list[Follower]) -> list[str]:
    ends, memberships = truth.ends(), truth.memberships()
    behind = []
    for follower in followers:
        should = {conversation_id: ends[conversation_id] for conversation_id in memberships[follower.user_id]}
        knows = {conversation_id: log.position for conversation_id, log in follower.logs.items()}
        if should != knows or not follower.is_quiet:
            wrong = {
                key: (knows.get(key), should.get(key)) for key in {*should, *knows} if knows.get(key) != should.get(key)
            }
            behind.append(f"{follower.user_id} connected={follower.connected} knows, should: {wrong}")
    return behind


async def read_all(chat: Service, person: Person, conversation_ids: set[str]) -> Conversations:
    """The histories as they are read by REST."""
    found: Conversations = {}
    for conversation_id in conversation_ids:
        messages: list[dict[str, Any]] = []
        where: dict[str, Any] = {"conversation_id": conversation_id, "limit": PAGE}
        while True:
            _, page = await persist(chat, "GET", "/chat/history", person, len(messages), query=where)
            messages = page["messages"] + messages
            if not page["has_more"]:
                break
            where["before"] = messages[0]["seq"]
        found[conversation_id] = messages
    return found


async def check_views(chat: Service, truth: Truth, people: list[Person], followers: list[Follower]) -> Conversations:
    """Everybody's view is what they read by REST: the same messages, in the same order. Returns all histories."""
    memberships = truth.memberships()
    everything: Conversations = {}
    turns = asyncio.Semaphore(8)

    async def check(person: Person, follower: Follower) -> None:
        async with turns:
            histories = await read_all(chat, person, memberships[person.id])
        assert {key: log.shown for key, log in follower.logs.items()} == histories, f"{person.name} sees other things"
        for conversation_id, history in histories.items():
            assert everything.setdefault(conversation_id, history) == history

    await asyncio.gather(*(check(person, follower) for person, follower in zip(people, followers, strict=True)))
    return everything


def check_messages(histories: Conversations, work: Work) -> None:
    """Every acknowledged message is there once, says what its sender made of it, and nothing is there unasked."""
    seen: set[str] = set()
    for conversation_id, history in histories.items():
        seqs = [message["seq"] for message in history]
        assert seqs == sorted(set(seqs))
        times = [message["created_at"] for message in history]
        assert times == sorted(times)
        for message in history:
            assert message["id"] not in seen
            seen.add(message["id"])
            wrote = work.wrote[message["id"]]
            assert (wrote.conversation_id, wrote.sender_id) == (conversation_id, message["sender_id"])
            assert message["content"] in wrote.contents, (message, wrote.contents)
    acknowledged = {wrote.id for wrote in work.wrote.values() if wrote.acknowledged}
    assert acknowledged <= seen, f"lost: {len(acknowledged - seen)} {sorted(acknowledged - seen)[:3]}"
