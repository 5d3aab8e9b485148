"""From send to receipt at a steady rate: an open loop, in which a delay counts from when the message was due.

So a server that stalls is also charged for what it kept from being sent meanwhile. 500 sockets online, 250
conversations of two that send in turn, each on a connection of its own; both of the two have to receive.
"""

from __future__ import annotations

from functools import partial

from bench.people import Auth
from bench.results import Row, Sample, Unit
from bench.rounds import Rounds
from bench.sending import ONLINE, Subject, running_subjects

P50, P99, P999 = (Unit(f"ms {name} from send to receipt", "less") for name in ("p50", "p99", "p99.9"))
USED = Unit("% of the cores", "less")
RATES = (100, 500, 1_000)
SECONDS = 6


def run(rounds: Rounds, quick: bool) -> list[Row]:
    with Auth() as auth, running_subjects(rounds, auth) as subjects:
        for rate in (500,) if quick else RATES:
            rounds.alternate(
                f"{rate:,} sends/s",
                {name: partial(measure, subject, rate, 4 if quick else SECONDS) for name, subject in subjects.items()},
                references=("seed_node",),
                series="sends a second",
                at=rate,
            )
    return rounds.rows


def measure(subject: Subject, rate: int, seconds: int) -> Sample:
    told, used, problems = subject.measure(ONLINE // 2, seconds=seconds, rate=rate)
    delays = told["delay_ms"]
    figures = {
        P50: delays["p50"],
        P99: delays["p99"],
        P999: delays["p999"],
        USED: 100 * sum(used.values()) / max(told["wall_seconds"], 1e-9),
    }
    return Sample(figures, problems)
