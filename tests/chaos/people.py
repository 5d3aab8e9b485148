"""Who takes part: signed in by mailed links, and put into groups."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.chaos.requests import Away, Service

AT_ONCE = 8


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    token: str


@dataclass
class Group:
    """``owner`` never leaves; ``members`` as they were made, the owner first."""

    id: str
    owner: Person
    members: list[Person] = field(default_factory=list)


async def sign_in_all(auth: Service, count: int, seed: int) -> list[Person]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def sign_in(number: int) -> Person:
        email = f"person{number}.{seed}@example.org"
        async with turns:
            await auth.ask("POST", "/auth/login", body={"email": email})
            mails: list[dict[str, str]] = []
            while not mails:
                await asyncio.sleep(0.05)
                mails = (await auth.ask("GET", "/dev/inbox", query={"email": email}))[1]["mails"]
            token_hash = parse_qs(urlsplit(mails[0]["link"]).query)["token_hash"][0]
            session = (await auth.ask("POST", "/auth/confirm", body={"token_hash": token_hash}))[1]
        return Person(session["user"]["id"], session["user"]["name"], session["access_token"])

    return list(await asyncio.gather(*(sign_in(number) for number in range(count))))


async def make_groups(chat: Service, people: list[Person], count: int, chance: random.Random) -> list[Group]:
    """Of very different sizes; everybody is in one at least."""
    groups = []
    for number in range(count):
        size = max(3, min(len(people), round(len(people) * chance.choice([0.05, 0.08, 0.1, 0.15, 0.3]))))
        members = chance.sample(people, size)
        members += [person for person in people[number::count] if person not in members]
        body: dict[str, Any] = {
            "kind": "group",
            "name": f"Group {number}",
            "members": [person.id for person in members[1:]],
        }
        _, shape = await chat.ask("POST", "/conversations", token=members[0].token, body=body)
        groups.append(Group(shape["id"], members[0], members))
    return groups


async def persist(
    service: Service, method: str, path: str, person: Person, at: int, **arguments: Any
) -> tuple[int, Any]:
    """Again and again until there is an answer, at the next process each time. Raises Refused."""
    for attempt in range(10_000):
        try:
            return await service.ask(method, path, token=person.token, at=at + attempt, **arguments)
        except Away as away:
            await asyncio.sleep(max(away.retry_after_seconds, min(0.2 * 2**attempt, 2.0)))
    raise AssertionError(f"{method} {path} was never answered")
