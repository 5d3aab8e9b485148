"""Durable sends: how many a second when each sender sends its next as soon as it has its answer.

Authenticated, validated, committed and delivered to both members, with 500 sockets online; everything on all cores,
the load client too. ``SENDS_PER_MINUTE`` is raised, everything else is as `make run` has it.
"""

from __future__ import annotations

from functools import partial

from bench.client import Load
from bench.cores import ALL
from bench.people import Auth, make_people
from bench.pulse import Pulse
from bench.results import Row, Sample, Unit
from bench.rounds import Rounds
from bench.sending import (
    Subject,
    add_people,
    connect,
    counter,
    make_send,
    open_group,
    running_chat,
    running_subjects,
)

SENDS = Unit("sends/s", "more")
DELIVERIES = Unit("deliveries/s", "more")
ANSWER = Unit("ms p50 to the answer", "less")
ANSWER_P99 = Unit("ms p99 to the answer", "less")
GROUPS = ("chat", "postgres", "websocket", "load client")
CPU = {name: Unit(f"CPU ms a send, {name}", "less") for name in GROUPS}
SENDERS = (1, 8, 32, 128)
MEMBERS = (2, 20, 200, 2_000)


def run(rounds: Rounds, quick: bool) -> list[Row]:
    with Auth() as auth:
        with running_subjects(rounds, auth) as subjects:
            for senders in (32,) if quick else SENDERS:
                rounds.alternate(
                    f"{senders} sender{'s' if senders > 1 else ''}",
                    {name: partial(measure, subject, senders) for name, subject in subjects.items()},
                    references=("seed_node",),
                    series="senders",
                    at=senders,
                )
        if not quick:
            grow_members(rounds, auth)
    return rounds.rows


def measure(subject: Subject, senders: int, seconds: int = 3) -> Sample:
    told, used, problems = subject.measure(senders, seconds=seconds)
    http = told["http"]
    sent, time = max(1, http["answered"]), max(http["seconds"], 1e-9)
    figures = {
        SENDS: http["answered"] / time,
        ANSWER: http["delay_ms"]["p50"],
        ANSWER_P99: http["delay_ms"]["p99"],
        **{unit: 1000 * used[name] / sent for name, unit in CPU.items()},
    }
    return Sample(figures, problems)


def grow_members(rounds: Rounds, auth: Auth) -> None:
    """A group of ever more members, all of them online; eight of them send (two of two)."""
    with running_chat(rounds, auth) as pulse:
        for members in MEMBERS:
            with Load(rounds.folder, rounds.guard, ALL) as load:
                subject = open_crowd(pulse, auth, load, members)
                subject.measure(min(8, members), seconds=1)
                rounds.alternate(
                    f"group of {members:,}",
                    {"pulse": partial(measure_group, subject, min(8, members))},
                    references=(),
                    series="members of a group, 8 senders",
                    at=members,
                    count=2,
                )


def measure_group(subject: Subject, senders: int) -> Sample:
    told, used, problems = subject.measure(senders, seconds=2)
    http = told["http"]
    sent = max(1, http["answered"])
    figures = {
        SENDS: http["answered"] / max(http["seconds"], 1e-9),
        DELIVERIES: told["received"] / max(told["seconds"], 1e-9),
        **{unit: 1000 * used[name] / sent for name, unit in CPU.items()},
    }
    return Sample(figures, problems)


def open_crowd(pulse: Pulse, auth: Auth, load: Load, members: int) -> Subject:
    people = make_people(members)
    add_people(pulse, people)
    group = open_group(pulse, people)
    load.connect(pulse.ports["websocket"], [connect(auth.token(person)) for person in people])
    requests = [make_send(auth.token(person), 0, conversation_id=str(group)) for person in people[:8]]
    stored = counter(pulse.owner_url, "select count(*) from public.messages")
    return Subject("pulse", load, pulse.ports["chat"], requests, pulse.programs, stored)
