"""Pulse and the seeds' shape, ready to be sent to: the same people online at both, on one PostgreSQL, on all cores.

250 conversations of two with both online; the first of the two sends. Both subjects' databases are on one server with
the settings of the embedded one (``synchronous_commit`` and ``fsync`` on), on one disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from bench.client import MARKER, OWN_ID, Answer, Load, Request, find_problems, post
from bench.cores import ALL
from bench.peers.seed import make_tables, running_seed
from bench.people import Auth, make_id, make_people
from bench.programs import Program
from bench.pulse import Pulse, running_pulse
from bench.rounds import Rounds
from ops.places import find_var

ONLINE = 500
SEED_DATABASE = "seed_node"
# As long as a message is on average, or longer: bench/words.py has a mean of 50 characters.
CONTENT = f"{MARKER} as people write to each other all day long."
EVENTS = 200_000  # the most of a measurement
WARM = 3_000


@dataclass(frozen=True)
class Subject:
    """``requests``: one for each conversation, of its first member. ``load`` has the sockets of both."""

    name: str
    load: Load
    port: int
    requests: Sequence[Request]
    programs: Mapping[str, Program]
    count_messages: Callable[[], int]

    def measure(self, connections: int, *, seconds: int, rate: int = 0) -> tuple[Answer, dict[str, float], list[str]]:
        """What the load client tells, CPU seconds by group of processes, and what was wrong.

        Closed loop, each connection another conversation's; with ``rate`` an open one over all conversations in turn.
        """
        before, stored = self._cpu_seconds(), self.count_messages()
        self.load.expect(EVENTS)
        self.load.send(self.port, self.requests[:connections], connections=connections, seconds=seconds, rate=rate)
        told = self.load.finish(timeout=60, linger_ms=200)
        used = {name: spent - before[name] for name, spent in self._cpu_seconds().items()}
        used["load client"] = told["cpu_seconds"]
        problems = find_problems(told)
        stored = self.count_messages() - stored
        created = told["http"]["statuses"].get("201", 0)
        if stored != created or not created:
            problems.append(f"{created:,} messages were acknowledged and {stored:,} are in the database")
        for program in self.programs.values():
            program.check()
        return told, used, problems

    def warm(self) -> None:
        """So many that compilers at run time, of which the peers have one, have done their work."""
        self.load.expect(WARM)
        self.load.send(self.port, self.requests[:32], connections=min(32, len(self.requests)), total=WARM)
        self.load.finish(timeout=60)

    def _cpu_seconds(self) -> dict[str, float]:
        return {name: program.cpu_seconds() for name, program in self.programs.items()}


@contextmanager
def running_subjects(rounds: Rounds, auth: Auth) -> Iterator[dict[str, Subject]]:
    """Both, with their 500 people online and warm."""
    with running_chat(rounds, auth) as pulse:
        seed_url = make_seed_database(pulse)
        with (
            running_seed(rounds.folder / "seed_node", rounds.guard, seed_url) as seed,
            Load(rounds.folder, rounds.guard, ALL) as own_load,
            Load(rounds.folder, rounds.guard, ALL) as seed_load,
        ):
            people = make_people(ONLINE)
            pairs = list(zip(people[::2], people[1::2], strict=True))
            conversations = open_conversations(pulse, pairs)
            subjects = {
                "pulse": Subject(
                    "pulse",
                    own_load,
                    pulse.ports["chat"],
                    [
                        make_send(auth.token(sender), group, id=OWN_ID, conversation_id=str(conversation))
                        for group, ((sender, _), conversation) in enumerate(zip(pairs, conversations, strict=True))
                    ],
                    pulse.programs,
                    counter(pulse.owner_url, "select count(*) from public.messages"),
                ),
                "seed_node": Subject(
                    "seed_node",
                    seed_load,
                    seed.ports["chat"],
                    [make_send(seed.token(sender), group, to=str(to)) for group, (sender, to) in enumerate(pairs)],
                    {**seed.programs, "postgres": pulse.programs["postgres"]},
                    counter(seed_url, "select count(*) from messages"),
                ),
            }
            own_load.connect(pulse.ports["websocket"], [connect(auth.token(person)) for person in people], size=2)
            seed_load.connect(seed.ports["websocket"], [connect(seed.token(person)) for person in people], size=2)
            for subject in subjects.values():
                subject.warm()
            yield subjects


@contextmanager
def running_chat(rounds: Rounds, auth: Auth) -> Iterator[Pulse]:
    """Pulse on a new database. On the disk of ``var``: a system's /tmp may be memory."""
    home = find_var() / "bench"
    home.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f"{rounds.scenario}-", dir=home) as data,
        running_pulse(rounds.folder / "pulse", rounds.guard, auth, data=Path(data)) as pulse,
    ):
        yield pulse


def make_seed_database(pulse: Pulse) -> str:
    """Beside Pulse's on the same server: its address."""
    assert pulse.owner_url is not None
    with psycopg.connect(pulse.owner_url, autocommit=True) as owner:
        owner.execute(f"create database {SEED_DATABASE}")
    url = seed_url_of(pulse)
    make_tables(url)
    return url


def seed_url_of(pulse: Pulse) -> str:
    assert pulse.owner_url is not None
    return pulse.owner_url.rpartition("/")[0] + f"/{SEED_DATABASE}"


def add_people(pulse: Pulse, people: Sequence[UUID]) -> None:
    """Those who are not there yet."""
    with psycopg.connect(pulse.owner_url or "") as owner, owner.cursor() as cursor:
        cursor.executemany(
            "insert into public.users (id, email, name) values (%s, %s, 'Person') on conflict do nothing",
            [(person, f"{person}@bench.example") for person in people],
        )


def open_conversations(pulse: Pulse, pairs: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    add_people(pulse, [person for pair in pairs for person in pair])
    with psycopg.connect(pulse.owner_url or "") as owner:
        opened = [
            UUID(row[0]["conversation_id"])
            for pair in pairs
            for row in owner.execute("select public.open_direct(%s, %s::text)", pair).fetchall()
        ]
        owner.execute("delete from public.outbox")  # nobody is to be told in the middle of a measurement
    return opened


def open_group(pulse: Pulse, people: Sequence[UUID]) -> UUID:
    """Owned by the first of them."""
    group = make_id("group of", len(people))
    members = [str(person) for person in people[1:]]
    with psycopg.connect(pulse.owner_url or "") as owner:
        owner.execute("select public.open_group(%s, %s, 'Everybody', %s)", [people[0], group, Jsonb(members)])
        owner.execute("delete from public.outbox")
    return group


def make_send(token: str, group: int, **where: Any) -> Request:
    return post("/chat/send", {**where, "content": CONTENT}, token, [group])


def connect(token: str) -> str:
    return f'40{{"token":"{token}"}}'


def counter(url: str | None, query: LiteralString) -> Callable[[], int]:
    def count() -> int:
        with psycopg.connect(url or "") as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    return count
