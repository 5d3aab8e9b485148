"""Sockets that come, stay and come back: how fast they are let in, what each costs, and who notices when all return.

Pulse checks the access token of each; the others check nothing.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from bench import listening
from bench.client import Load, find_problems
from bench.cores import LOAD
from bench.people import Auth
from bench.results import Row, Sample, Unit
from bench.rounds import Measurement, Rounds, Subjects

RATE = Unit("connections/s", "more")
PER_CPU = Unit("connections per CPU second", "more")
MEMORY = Unit("KiB RSS per connection", "less")
BACK = Unit("s until all are back", "less")
REFUSED = Unit("% turned away at first", "less")
DELAYS = {name: Unit(f"ms {name} of the others' messages", "less") for name in ("p50", "p99", "max")}

Prepare = Callable[[Rounds, Auth, str, ExitStack], Measurement]

SUBJECTS = ("pulse", "node", "flask_eventlet", "flask_gevent")
FILES = dict.fromkeys(SUBJECTS, 1) | {"flask_gevent": 2}  # each connection keeps open
SPARE = 400
NEWCOMERS = 1_500
IDLE = (1_000, 5_000, 10_000)
OTHERS, SIZE, EACH_SECOND = 100, 2, 200  # of those that stay: 50 conversations of 2, 200 messages a second
RETURNING = 5_000
RETRY_MS = 1_000
CALM_SECONDS = 0.25  # of messages before the storm: each of their 16 connections has carried some


def run(rounds: Rounds, quick: bool) -> list[Row]:
    with Auth() as auth:
        take_turns(rounds, auth, "connect rate", connect, SUBJECTS[:3] if quick else (*SUBJECTS, "bare"))
        if quick:
            grow(rounds, auth, IDLE[:1], SUBJECTS[:2])
        else:
            grow(rounds, auth, IDLE, SUBJECTS)
            title = f"{RETURNING:,} drop and come back while {EACH_SECOND} messages/s flow to {OTHERS} others"
            take_turns(rounds, auth, title, storm, SUBJECTS)
    return rounds.rows


def take_turns(rounds: Rounds, auth: Auth, measure: str, prepare: Prepare, names: tuple[str, ...]) -> None:
    with Subjects() as subjects:
        for name in names:
            subjects.add(name, partial(prepare, rounds, auth, name))
        rounds.alternate(measure, subjects.measurements)


def start(rounds: Rounds, auth: Auth, name: str, what: str, stack: ExitStack) -> listening.Server:
    return listening.start(name, rounds.folder / f"{what}-{name}", rounds.guard, auth, stack)


def connect(rounds: Rounds, auth: Auth, name: str, stack: ExitStack) -> Measurement:
    """People nobody has seen before, 64 at once, who leave when all are there."""
    server = start(rounds, auth, name, "connect", stack)

    def measure() -> Sample:
        frames = server.frames(NEWCOMERS, NEWCOMERS)
        server.program.settle()
        with Load(rounds.folder, rounds.guard, LOAD) as load:
            cpu = server.program.cpu_seconds()
            told = load.connect(server.port, frames)
            cpu = server.program.cpu_seconds() - cpu
        return Sample({RATE: NEWCOMERS / told["seconds"], PER_CPU: NEWCOMERS / max(cpu, 0.01)})

    return measure


def grow(rounds: Rounds, auth: Auth, counts: tuple[int, ...], names: tuple[str, ...]) -> None:
    """One crowd that grows: at each size what a connection costs, and how fast the last of them were let in.

    Whoever would run out of files at a size is not measured there.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Subjects() as subjects:
        for name in names:
            subjects.add(name, partial(crowd, rounds, auth, name, iter(counts)))
        for count in counts:
            measure = f"{count:,} idle connections"
            fit = {
                name: one
                for name, one in subjects.measurements.items()
                if count * FILES[name] + SPARE < most or most < 0
            }
            rounds.alternate(measure, fit, series="idle connections", at=count, count=1)


def crowd(rounds: Rounds, auth: Auth, name: str, counts: Iterator[int], stack: ExitStack) -> Measurement:
    server = start(rounds, auth, name, "crowd", stack)
    load = stack.enter_context(Load(rounds.folder, rounds.guard, LOAD))
    # What the first connection makes a server load for good is not counted to any.
    load.connect(server.port, server.frames(1, 1))
    server.program.settle()
    empty, there = server.program.resident_bytes(), 0

    def measure() -> Sample:
        nonlocal there
        count = next(counts)
        told = load.connect(server.port, server.frames(count - there, count - there))
        rate, there = (count - there) / told["seconds"], count
        server.program.settle()
        used = server.program.resident_bytes() - empty
        load.expect(0)
        problems = find_problems(load.finish(timeout=0))
        return Sample({MEMORY: used / count / 1024, RATE: rate}, problems)

    return measure


def storm(rounds: Rounds, auth: Auth, name: str, stack: ExitStack) -> Measurement:
    """They come back within a second, as stock clients spread themselves, with the token they had.

    Who is not let in tries again after a second, as they do. The others have a client of their own, which is not busy
    with hanging up 5,000 times, and their senders have connected before, as services have.
    """
    server = start(rounds, auth, name, "storm", stack)
    others = stack.enter_context(Load(rounds.folder, rounds.guard, LOAD))
    others.connect(server.port, server.frames(OTHERS, SIZE), size=SIZE)
    requests = server.requests(range(OTHERS // SIZE))
    returning = stack.enter_context(Load(rounds.folder, rounds.guard, LOAD))
    returning.connect(server.port, server.frames(RETURNING, RETURNING))

    def measure() -> Sample:
        server.program.settle()
        others.expect(200 * EACH_SECOND)
        others.send(server.port, requests, connections=16, rate=EACH_SECOND)
        time.sleep(CALM_SECONDS)
        returning.expect(0)
        told = returning.reconnect(0, RETURNING, rate=RETURNING, retry_ms=RETRY_MS, timeout=60)
        heard = others.finish(stop=True)
        delays = {unit: heard["delay_ms"][name] for name, unit in DELAYS.items()}
        refused = 100 * (told["refused"] + told["failed"]) / RETURNING
        problems = find_problems(heard) + find_problems(returning.finish(timeout=0))
        return Sample({BACK: told["seconds"], **delays, REFUSED: refused}, problems)

    return measure
