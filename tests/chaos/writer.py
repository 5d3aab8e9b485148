"""What people do while parts of the system fail: write, edit, delete, and come and go."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from tests.chaos.people import Group, Person, persist
from tests.chaos.requests import Refused, Service

EDITS, DELETIONS = 0.04, 0.02
REFUSALS = {"conversation_not_found", "message_not_found", "message_deleted"}  # of somebody taken out meanwhile


@dataclass
class Wrote:
    """One message as its sender knows it. ``contents``: whatever it may say in the end, None for deleted."""

    id: str
    conversation_id: str
    sender_id: str
    contents: set[str | None]
    acknowledged: bool = False


@dataclass
class Work:
    """All that was tried, and how often. ``seconds``: how long each acknowledgement took, with all retries."""

    wrote: dict[str, Wrote] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


async def write_all(
    chat: Service, groups: list[Group], messages: int, seconds: float, chance: random.Random, work: Work
) -> None:
    """So many messages by the members of all groups, spread evenly; everybody one after the other, as pages do."""
    share: dict[str, list[tuple[float, Group]]] = {}
    people = {person.id: person for group in groups for person in group.members}
    for number in range(messages):
        group = chance.choice(groups)
        share.setdefault(chance.choice(group.members).id, []).append((number * seconds / messages, group))
    began = time.monotonic()
    await asyncio.gather(
        *(
            _write(chat, people[user_id], turns, began, random.Random(chance.random()), work)
            for user_id, turns in share.items()
        ),
        *(_come_and_go(chat, group, began + seconds, random.Random(chance.random()), work) for group in groups),
    )


async def _write(
    chat: Service, person: Person, turns: list[tuple[float, Group]], began: float, chance: random.Random, work: Work
) -> None:
    mine: list[Wrote] = []
    at = chance.randrange(8)
    for offset, group in turns:
        await asyncio.sleep(max(0.0, began + offset - time.monotonic()))
        message_id, content = str(UUID(int=chance.getrandbits(128), version=4)), f"{person.name} № {len(mine)} 🎈"
        wrote = work.wrote[message_id] = Wrote(message_id, group.id, person.id, {content})
        body = {"id": message_id, "conversation_id": group.id, "content": content}
        asked = time.monotonic()
        try:
            status, _ = await persist(chat, "POST", "/chat/send", person, at, body=body)
        except Refused as refused:
            _note_refusal(refused, work)
            continue
        wrote.acknowledged = True
        work.counts[f"sends {status}"] += 1
        work.seconds.append(time.monotonic() - asked)
        mine.append(wrote)
        if chance.random() < EDITS:
            await _edit(chat, person, chance.choice(mine), at, work)
        if chance.random() < DELETIONS:
            await _delete(chat, person, chance.choice(mine), at, work)


async def _edit(chat: Service, person: Person, wrote: Wrote, at: int, work: Work) -> None:
    content = f"changed {len(wrote.contents)}"
    wrote.contents.add(content)
    try:
        await persist(chat, "PATCH", f"/messages/{wrote.id}", person, at, body={"content": content})
        if None not in wrote.contents:
            wrote.contents = {content}  # it is durable, and nobody else may change it
        work.counts["edits"] += 1
    except Refused as refused:
        _note_refusal(refused, work)


async def _delete(chat: Service, person: Person, wrote: Wrote, at: int, work: Work) -> None:
    wrote.contents.add(None)
    try:
        await persist(chat, "DELETE", f"/messages/{wrote.id}", person, at)
        wrote.contents = {None}
        work.counts["deletions"] += 1
    except Refused as refused:
        _note_refusal(refused, work)


async def _come_and_go(chat: Service, group: Group, until: float, chance: random.Random, work: Work) -> None:
    """The owner takes members out and in again; some leave by themselves."""
    out: list[Person] = []
    while (wait := chance.uniform(2.0, 10.0)) < until - time.monotonic():
        await asyncio.sleep(wait)
        if out and chance.random() < 0.6:
            person = out.pop(chance.randrange(len(out)))
            await _change_members(chat, "PUT", group, person, group.owner, work, body={})
            work.counts["joins"] += 1
        else:
            person = chance.choice(group.members[1:])
            if person not in out:
                by = chance.choice([person, group.owner])
                await _change_members(chat, "DELETE", group, person, by, work)
                out.append(person)
                work.counts["leaves"] += 1
    for person in out[: len(out) // 2]:
        await _change_members(chat, "PUT", group, person, group.owner, work, body={})
        work.counts["joins"] += 1


async def _change_members(
    chat: Service, method: str, group: Group, person: Person, by: Person, work: Work, **body: object
) -> None:
    try:
        await persist(chat, method, f"/conversations/{group.id}/members/{person.id}", by, 0, **body)
    except Refused as refused:
        _note_refusal(refused, work)  # the answer to the first try was lost


def _note_refusal(refused: Refused, work: Work) -> None:
    assert refused.code in REFUSALS, refused
    work.counts[f"refused {refused.code}"] += 1
