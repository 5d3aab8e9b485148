"""Reading in a database of a million messages, one conversation holding half of them: by HTTP at chat, on all cores.

One client, then eight, each asking again as soon as it has its answer, on connections that are kept. The seeds' shape
reads the same messages in pages of its own kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bench.client import Load, Request, find_problems
from bench.cores import ALL
from bench.million import make_world
from bench.peers.seed import running_seed
from bench.people import Auth
from bench.programs import Program
from bench.pulse import running_pulse
from bench.reading import history_questions, search_questions, seed_questions
from bench.results import Row, Sample, Unit
from bench.rounds import Rounds
from bench.rows import Shape
from bench.sending import seed_url_of

P50, P95, P99 = (Unit(f"ms {name}", "less") for name in ("p50", "p95", "p99"))
RATE = Unit("answers/s", "more")
CPU = {name: Unit(f"CPU ms an answer, {name}", "less") for name in ("chat", "postgres")}
ROWS, QUICK_ROWS = 1_000_000, 100_000
GROWTH = (10_000, 100_000, 1_000_000)
GROWING = (
    *("newest page", "deep page", "changes", "conversation list, all 200"),
    *("search, rare word", "search, common word", "search, common beginning"),
)
CLIENTS = (1, 8)


@dataclass(frozen=True)
class Reader:
    """``questions``: by kind. ``port`` is where to ask."""

    load: Load
    port: int
    questions: Mapping[str, Sequence[Request]]
    programs: Mapping[str, Program]

    def warm(self) -> None:
        for requests in self.questions.values():
            self.load.expect(0)
            self.load.send(self.port, requests, connections=8, total=max(100, len(requests)))
            self.load.finish(linger_ms=0)

    def measure(self, kind: str, clients: int, seconds: int = 1) -> Sample:
        requests, before = self.questions[kind], self._cpu_seconds()
        self.load.expect(0)
        self.load.send(self.port, requests, connections=clients, seconds=seconds)
        told = self.load.finish(timeout=60, linger_ms=0)
        used, http = self._cpu_seconds(), told["http"]
        delays = http["delay_ms"]
        figures = {
            P50: delays["p50"],
            P95: delays["p95"],
            P99: delays["p99"],
            RATE: http["answered"] / max(http["seconds"], 1e-9),
            **{unit: 1000 * (used[name] - before[name]) / max(1, http["answered"]) for name, unit in CPU.items()},
        }
        return Sample(figures, find_problems(told))

    def _cpu_seconds(self) -> dict[str, float]:
        return {name: self.programs[name].cpu_seconds() for name in CPU}


def run(rounds: Rounds, quick: bool) -> list[Row]:
    rows = QUICK_ROWS if quick else ROWS
    with Auth() as auth:
        with running_readers(rounds, auth, rows) as readers:
            for kind in GROWING if quick else readers["pulse"].questions:
                for clients in CLIENTS[:1] if quick else CLIENTS:
                    ask_all(rounds, readers, kind, rows, clients)
        if not quick:
            grow(rounds, auth)
    return rounds.rows


def ask_all(rounds: Rounds, readers: Mapping[str, Reader], kind: str, rows: int, clients: int) -> None:
    asked = {name: reader for name, reader in readers.items() if kind in reader.questions}
    rounds.alternate(
        f"{kind}, {clients} client{'s' if clients > 1 else ''}, {rows:,} messages",
        {name: partial(reader.measure, kind, clients) for name, reader in asked.items()},
        references=("seed_node",),
    )


def grow(rounds: Rounds, auth: Auth) -> None:
    """One client, ever more rows with the same people and conversations."""
    for rows in GROWTH:
        with running_readers(rounds, auth, rows) as readers:
            for kind in GROWING:
                rounds.alternate(
                    f"{kind}, growth",
                    {name: partial(one.measure, kind, 1) for name, one in readers.items() if kind in one.questions},
                    references=(),
                    series=kind,
                    at=rows,
                    count=1,
                )


@contextmanager
def running_readers(rounds: Rounds, auth: Auth, rows: int) -> Iterator[dict[str, Reader]]:
    """Pulse and the seeds' shape on a kept database of so many messages, each asked everything once already."""
    world = make_world(Shape(messages=rows))
    folder = rounds.folder / f"rows-{rows}"
    with (
        running_pulse(folder / "pulse", rounds.guard, auth, ["chat"], data=world.folder) as pulse,
        running_seed(folder / "seed_node", rounds.guard, seed_url_of(pulse)) as seed,
        Load(rounds.folder, rounds.guard, ALL) as load,
    ):
        asked = {**history_questions(world, auth.token), **search_questions(world, auth.token)}
        readers = {
            "pulse": Reader(load, pulse.ports["chat"], asked, pulse.programs),
            "seed_node": Reader(
                load, seed.ports["chat"], seed_questions(world, seed), {**pulse.programs, **seed.programs}
            ),
        }
        for reader in readers.values():
            reader.warm()
        yield readers
