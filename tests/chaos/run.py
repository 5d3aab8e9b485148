"""One run: people write while a nemesis is at work, then it is healed, left alone, and judged."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

from tests.chaos.follower import Follower
from tests.chaos.footprint import Footprint, measure
from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.people import Group, Person, make_groups, sign_in_all
from tests.chaos.report import Report, say, spread
from tests.chaos.requests import Service
from tests.chaos.topic import TopicReader
from tests.chaos.verdict import Truth, check_messages, check_views, wait_for_quiet
from tests.chaos.world import World
from tests.chaos.writer import Work, write_all

STARTED_SECONDS = 60.0
QUIET_SECONDS = 120.0  # a lease of the outbox is 30 s, and what a killed process had leased waits for its end
EPILOGUE_SECONDS = 4.0
EPILOGUE_QUIET_SECONDS = 45.0
GROWTH = Footprint(megabytes=80, threads=20, files=100)  # of what runs for a while; files beside those of all people


@dataclass
class Run:
    """Everything of one run. ``counts`` are those of all clients together."""

    world: World
    options: Options
    report: Report
    chat: Service
    truth: Truth
    chance: random.Random
    people: list[Person]
    groups: list[Group]
    followers: list[Follower]
    counts: Counter[str]
    work: Work
    reader: TopicReader | None

    async def write(self, messages: int, seconds: float) -> None:
        await write_all(self.chat, self.groups, messages, seconds, self.chance, self.work)

    async def storm(self, nemesis: Nemesis, until_done: bool) -> None:
        """All messages are written, or given up by those who were taken out of their group; then all is whole."""
        before = self.measure()
        say(f"{len(self.people)} people are connected and begin to write")
        began = time.monotonic()
        nemesis.start()
        try:
            await self.write(self.options.messages, self.options.seconds)
            while until_done and not nemesis.is_done:
                await self.write(self.options.messages // 10, self.options.seconds / 10)
            self.report.figures["writing took"] = f"{time.monotonic() - began:.0f} s"
            say(f"{time.monotonic() - began:7.1f} s  everything is written; all is mended now")
        finally:
            await asyncio.to_thread(nemesis.stop)
        await asyncio.to_thread(self.world.heal)
        quiet = await wait_for_quiet(self.truth, self.followers, QUIET_SECONDS)
        self.report.figures["clients converged after healing within"] = f"{quiet:.1f} s"
        after = self.measure()
        self.report.figures["largest process of each, before and after"] = "".join(
            f"\n    {name:10} {before[name]}; {after[name]}" for name in before
        )
        _check_growth(before, after, len(self.people))

    async def epilogue(self) -> None:
        """Nothing was restarted for it, and all is as live as ever."""
        before, began = self.counts.copy(), time.monotonic()
        await self.write(max(20, self.options.messages // 20), EPILOGUE_SECONDS)
        await wait_for_quiet(self.truth, self.followers, EPILOGUE_QUIET_SECONDS)
        self.report.figures["epilogue"] = (
            f"{time.monotonic() - began:.1f} s, clients {dict(sorted((self.counts - before).items()))}"
        )

    async def judge(self) -> None:
        faults = [fault for follower in self.followers for fault in follower.faults]
        assert faults == []
        self.truth.check_log()
        began = time.monotonic()
        histories = await check_views(self.chat, self.truth, self.people, self.followers)
        self.report.figures["histories of all people read in"] = f"{time.monotonic() - began:.1f} s"
        check_messages(histories, self.work)
        if self.reader:
            await asyncio.to_thread(self.judge_topic, self.reader)

    def judge_topic(self, reader: TopicReader) -> None:
        """A broker that keeps its records has all events. Of one without memory that was killed: those since."""
        log, there = self.truth.log(), reader.read_now()
        killed_at = self.world.broker.killed_at if self.world.broker else None
        wanted = log if killed_at is None else self.truth.log(since=killed_at)
        missing = wanted - there
        self.report.figures["topic"] = (
            f"{len(there & log)} of {len(log)} events; of {len(wanted)} since the broker last lost its memory"
            f" {len(missing)} are missing; a reader alongside saw {len(reader.seen)}"
        )
        assert wanted, "the topic shows nothing"
        assert not missing, sorted(missing)[:5]
        ours = {conversation_id for conversation_id, _ in log}  # the topic may hold another installation's too
        assert {event for event in there | reader.seen if event[0] in ours} <= log

    def measure(self) -> dict[str, Footprint]:
        return {process.name: measure(process) for process in self.world.processes if process.is_running}

    def write_figures(self) -> None:
        sizes = sorted(len(group.members) for group in self.groups)
        self.report.figures |= {
            "people": f"{len(self.people)} in {len(sizes)} groups of {sizes}",
            "work": dict(sorted(self.work.counts.items())),
            "acknowledged, with all retries, after": spread(self.work.seconds),
            "tries that failed": dict(self.chat.failures),
            "clients": dict(sorted(self.counts.items())),
        }


async def run(world: World, options: Options, nemesis: Nemesis, *, until_done: bool = False) -> None:
    """``nemesis`` is started as people begin to write, and stopped when they have written all. ``until_done``: they go
    on until it is done by itself. Raises AssertionError."""
    report = Report(options)
    say(f"\nchaos run with {options}")
    try:
        await _run(world, options, nemesis, until_done, report)
    finally:
        report.figures["nemesis"] = dict(nemesis.counts)
        report.write()


async def _run(world: World, options: Options, nemesis: Nemesis, until_done: bool, report: Report) -> None:
    chance, counts = random.Random(options.seed), Counter[str]()
    auth, chat = Service([world.stack.urls["auth"]]), Service(world.chat_urls)
    people = await sign_in_all(auth, options.people, options.seed)
    groups = await make_groups(chat, people, options.groups, chance)
    followers = [
        Follower(person.id, person.token, world.node_urls, chat, counts, random.Random(chance.random()))
        for person in people
    ]
    reader = TopicReader(world.broker.bootstrap) if world.broker else None
    truth = Truth(world.stack.database)
    scene = Run(world, options, report, chat, truth, chance, people, groups, followers, counts, Work(), reader)
    if reader:
        reader.start()
    for follower in followers:
        follower.start()
    try:
        await wait_for_quiet(truth, followers, STARTED_SECONDS)
        await scene.storm(nemesis, until_done)
        await scene.epilogue()
        await scene.judge()
    finally:
        scene.write_figures()
        for follower in followers:
            await follower.stop()
        if reader:
            await asyncio.to_thread(reader.stop)
        auth.close()
        chat.close()


def _check_growth(before: dict[str, Footprint], after: dict[str, Footprint], people: int) -> None:
    for name, found in after.items():
        if name not in ("redis", "broker"):
            was = before[name]
            assert found.megabytes < was.megabytes + GROWTH.megabytes, f"{name}: {was}; {found}"
            assert found.threads < was.threads + GROWTH.threads, f"{name}: {was}; {found}"
            assert found.files < was.files + GROWTH.files + people, f"{name}: {was}; {found}"
