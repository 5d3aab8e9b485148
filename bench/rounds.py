"""Several rounds in which the subjects take turns, so that what else happens on the machine happens to all of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.results import Row, Sample, make_rows
from ops.guard import Guard

Measurement = Callable[[], Sample]


@dataclass
class Rounds:
    """``folder`` holds the logs of what runs; ``guard`` ends it, whatever becomes of this process."""

    scenario: str
    folder: Path
    guard: Guard
    count: int
    quick: bool = False
    rows: list[Row] = field(default_factory=list)

    @property
    def command(self) -> str:
        return f"python -m bench{' --quick' if self.quick else ''} --only {self.scenario}"

    def alternate(
        self,
        measure: str,
        subjects: Mapping[str, Measurement],
        *,
        references: Sequence[str] = ("node",),
        series: str = "",
        at: float | None = None,
        count: int | None = None,
    ) -> list[Row]:
        """Measures all of them in each round, every other round backwards; the rows are kept, and returned.

        A subject that raises has a problem and is left out from then on; the others go on.
        """
        samples: dict[str, list[Sample]] = {name: [] for name in subjects}
        out: set[str] = set()
        for n in range(self.count if count is None else count):
            for name in list(subjects)[:: -1 if n % 2 else 1]:
                if name not in out:
                    samples[name].append(_measure(subjects[name]))
                    if not samples[name][-1].figures:
                        out.add(name)
                    say(self.scenario, measure, name, samples[name][-1])
        rows = make_rows(
            samples,
            scenario=self.scenario,
            measure=measure,
            references=references,
            series=series,
            at=at,
            command=self.command,
        )
        self.rows += rows
        return rows


def _measure(measurement: Measurement) -> Sample:
    try:
        return measurement()
    except Exception as reason:
        return Sample({}, (describe(reason),))


def describe(reason: BaseException) -> str:
    """For the table: what went wrong, on a line."""
    lines = str(reason).splitlines()
    return f"{type(reason).__name__}: {' … '.join(dict.fromkeys((*lines[:1], *lines[-1:])))}"[:300]


def say(scenario: str, measure: str, subject: str, sample: Sample) -> None:
    figures = ", ".join(f"{value:,.4g} {unit.name}" for unit, value in sample.figures.items())
    wrong = f" INVALID: {'; '.join(sample.problems)}" if sample.problems else ""
    print(
        f"{time.strftime('%H:%M:%S')} {scenario}: {measure}: {subject}: {figures}{wrong}", file=sys.stderr, flush=True
    )


class Subjects:
    """Those that could be prepared, by name; what could not is told as failed when it is measured. Use as a context."""

    def __init__(self) -> None:
        self.measurements: dict[str, Measurement] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Subjects:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, name: str, prepare: Callable[[ExitStack], Measurement]) -> None:
        """``prepare`` starts it, puts onto the stack what has to be ended, and returns how to measure it once."""
        own = ExitStack()
        try:
            self.measurements[name] = prepare(own)
        except Exception as reason:
            own.close()
            self.measurements[name] = lambda reason=reason: _raise(reason)  # type: ignore[misc]
        else:
            self._stack.push(own)


def _raise(reason: Exception) -> Sample:
    raise reason
