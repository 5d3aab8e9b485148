"""One event to many sockets: how many deliveries a server on one core makes, with the load client on another.

Pulse is told of each event by an HTTP request, as chat tells it; the others emit in a loop of their own.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from bench import listening
from bench.client import Load, find_problems
from bench.cores import LOAD
from bench.people import Auth
from bench.results import Row, Sample, Unit
from bench.rounds import Measurement, Rounds, Subjects

DELIVERIES = Unit("deliveries/s", "more")
PER_CPU = Unit("deliveries per CPU second", "more")
DELAY = Unit("ms p99", "less")
CLIENT = Unit("% of the load client's core", "less")

SUBJECTS = ("pulse", "node", "flask_eventlet", "flask_gevent", "bare")
QUICK = ("pulse", "node", "flask_eventlet", "bare")
GROWTH = ("pulse", "node", "bare")
SECONDS = 1.5  # of sending in each measurement
MOST_EVENTS = 60_000


def run(rounds: Rounds, quick: bool) -> list[Row]:
    with Auth() as auth:
        measure(rounds, auth, "1,000 sockets in one group", 1_000, 1_000, QUICK if quick else SUBJECTS)
        if not quick:
            measure(rounds, auth, "5,000 sockets in one group", 5_000, 5_000, SUBJECTS)
            measure(rounds, auth, "1,000 conversations of 2", 2_000, 2, SUBJECTS)
            for sockets in (100, 1_000, 10_000):
                at = f"{sockets:,} sockets"
                measure(rounds, auth, at, sockets, sockets, GROWTH, series="group of all sockets", at=sockets, count=2)
    return rounds.rows


def measure(
    rounds: Rounds,
    auth: Auth,
    measure: str,
    sockets: int,
    size: int,
    names: tuple[str, ...],
    *,
    series: str = "",
    at: float | None = None,
    count: int | None = None,
) -> None:
    """``sockets`` of ``size`` a group, on each of the subjects."""
    with Subjects() as subjects:
        for name in names:
            subjects.add(name, partial(prepare, rounds, auth, name, sockets, size, 1))
            if name == "pulse" and not series:
                subjects.add("pulse, ten events a request", partial(prepare, rounds, auth, name, sockets, size, 10))
        rounds.alternate(measure, subjects.measurements, references=("node", "bare"), series=series, at=at, count=count)


def prepare(
    rounds: Rounds, auth: Auth, name: str, sockets: int, size: int, batch: int, stack: ExitStack
) -> Measurement:
    server = listening.start(name, rounds.folder / f"{name}-{batch}-{sockets}", rounds.guard, auth, stack, batch=batch)
    load = stack.enter_context(Load(rounds.folder, rounds.guard, LOAD))
    load.connect(server.port, server.frames(sockets, size), size=size)
    groups = range(sockets // size)
    warm = max(20, 2_000 // size)
    server.send(load, warm, groups)
    rate = warm / max(0.001, load.finish(timeout=30)["seconds"])

    def measure() -> Sample:
        events = min(MOST_EVENTS, max(10 * batch, int(rate * SECONDS) // batch * batch))
        cpu = server.program.cpu_seconds()
        server.send(load, events, groups)
        told = load.finish(timeout=30)
        cpu = server.program.cpu_seconds() - cpu
        server.program.check()
        figures = {
            DELIVERIES: told["received"] / max(told["seconds"], 1e-9),
            PER_CPU: told["received"] / max(cpu, 0.01),
            CLIENT: 100 * told["cpu_seconds"] / told["wall_seconds"],
        }
        return Sample(figures, find_problems(told))

    return measure
