"""One run: people write while a nemesis is at work, then it is healed, left alone, and judged."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from tests.chaos.follower import Follower
from tests.chaos.footprint import Footprint, measure
from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.people import Group, Person, make_groups, sign_in_all
from tests.chaos.requests import Service, make_client
from tests.chaos.topic import TopicReader
from tests.chaos.verdict import Truth, check_messages, check_views, wait_for_quiet
from tests.chaos.world import World
from tests.chaos.writer import Work, write_all

QUIET_SECONDS = 120.0  # a lease of the outbox is 30 s, and what a killed process had leased waits for its end
LARGEST = Footprint(megabytes=400, threads=80, files=400)


@dataclass
class Report:
    """What happened, for people to read."""

    options: Options
    people: list[Person] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    did: list[tuple[float, str]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def write(self) -> None:
        lines = ["", f"chaos run: {self.options}"]
        lines += [f"  {at:7.1f} s  {what}" for at, what in sorted(self.did)]
        lines += [f"  {name}: {value}" for name, value in self.figures.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


async def run(world: World, options: Options, nemesis: Nemesis, end: Callable[[], None]) -> Report:
    """``nemesis`` is started as people begin to write; ``end`` (its stop or finish) is called when they have written
    all. Raises AssertionError."""
    report = Report(options)
    try:
        async with make_client() as client:
            await _run(world, options, report, Service(world.chat_urls, client), nemesis, end)
    finally:
        report.write()
    return report


async def _run(
    world: World,
    options: Options,
    report: Report,
    chat: Service,
    nemesis: Nemesis,
    end: Callable[[], None],
) -> None:
    chance = random.Random(options.seed)
    truth, work, counts = Truth(world.stack.database), Work(), Counter[str]()
    auth = Service([world.stack.urls["auth"]], chat.client)
    report.people = people = await sign_in_all(auth, options.people, options.seed)
    report.groups = groups = await make_groups(chat, people, options.groups, chance)
    followers = [
        Follower(person.id, person.token, world.node_urls, chat, counts, random.Random(chance.random()))
        for person in people
    ]
    reader = TopicReader(world.broker.bootstrap) if world.broker else None
    if reader:
        reader.start()
    for follower in followers:
        follower.start()
    try:
        await wait_for_quiet(truth, followers, 60)
        before = {process.name: measure(process) for process in world.processes}
        began = time.monotonic()
        nemesis.start()
        try:
            await write_all(chat, groups, options.messages, options.seconds, chance, work)
            report.figures["writing took"] = f"{time.monotonic() - began:.0f} s"
        finally:
            await asyncio.to_thread(end)
        await asyncio.to_thread(world.heal)
        report.figures["quiet after healing"] = f"{await wait_for_quiet(truth, followers, QUIET_SECONDS):.1f} s"
        _check_faults(followers)
        after = {process.name: measure(process) for process in world.processes}
        truth.check_log()
        asked = time.monotonic()
        histories = await check_views(chat, truth, people, followers)
        report.figures["histories read in"] = f"{time.monotonic() - asked:.1f} s"
        check_messages(histories, work)
        if reader:
            _check_topic(reader, truth, world, report)
        report.figures["footprints, before and after"] = "".join(
            f"\n    {name:10} {before[name]}; {after[name]}" for name in before
        )
        _check_footprints(after)
    finally:
        _write_figures(report, work, counts, chat, nemesis)
        for follower in followers:
            await follower.stop()
        if reader:
            await asyncio.to_thread(reader.stop)


def _check_faults(followers: list[Follower]) -> None:
    faults = [fault for follower in followers for fault in follower.faults]
    assert faults == []


def _check_topic(reader: TopicReader, truth: Truth, world: World, report: Report) -> None:
    """A broker that keeps its records has all events. Of one without memory that was killed: those since."""
    log, there = truth.log(), reader.read_now()
    killed_at = world.broker.killed_at if world.broker else None
    if killed_at is None:
        wanted = log
    else:
        rows = truth.read(
            "select conversation_id::text, seq from conversation_log where created_at > to_timestamp(%s)", killed_at
        )
        wanted = {(row[0], row[1]) for row in rows}
    report.figures["topic"] = (
        f"{len(there & log)} of {len(log)} events; of {len(wanted)} since the broker last lost its memory"
        f" {len(wanted - there)} are missing; a reader alongside saw {len(reader.seen)}"
    )
    assert wanted <= there, sorted(wanted - there)[:5]
    assert there | reader.seen <= log


def _check_footprints(after: dict[str, Footprint]) -> None:
    for name, found in after.items():
        if name not in ("redis", "broker"):
            assert found.megabytes < LARGEST.megabytes, f"{name}: {found}"
            assert found.threads < LARGEST.threads, f"{name}: {found}"
            assert found.files < LARGEST.files, f"{name}: {found}"


def _write_figures(report: Report, work: Work, counts: Counter[str], chat: Service, nemesis: Nemesis) -> None:
    report.did = nemesis.did
    seconds = sorted(work.seconds) or [0.0]
    report.figures |= {
        "people": f"{len(report.people)} in {len(report.groups)} groups of"
        f" {sorted(len(group.members) for group in report.groups)}",
        "nemesis": dict(nemesis.counts),
        "work": dict(sorted(work.counts.items())),
        "acknowledged after": f"median {median(seconds) * 1000:.0f} ms, p99 {seconds[len(seconds) * 99 // 100]:.1f} s,"
        f" most {seconds[-1]:.1f} s",
        "failed tries": dict(chat.failures),
        "clients": dict(sorted(counts.items())),
    }
