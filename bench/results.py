"""What was measured: rows of figures, one for each subject and measure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Unit:
    """``name``: deliveries/s, ms p99, KiB; ``better``: whether more or less of it is."""

    name: str
    better: Better


@dataclass(frozen=True)
class Sample:
    """What one subject reached in one round. With ``problems`` it is invalid: not everything arrived exactly once."""

    figures: Mapping[Unit, float]
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """One subject's figures of one measure.

    ``values``: one for each valid round. ``ratios``: this median by that of a reference (``node``, ``bare``, …), so
    that for ``more`` units above 1 is faster. ``at``: the size on the axis of growth; ``series``: which line.
    """

    scenario: str
    measure: str
    subject: str
    unit: Unit
    values: Sequence[float]
    problems: Sequence[str] = ()
    ratios: Mapping[str, float] = field(default_factory=dict)
    series: str = ""
    at: float | None = None
    command: str = ""

    @property
    def is_valid(self) -> bool:
        return bool(self.values) and not self.problems

    @property
    def median(self) -> float | None:
        return statistics.median(self.values) if self.values else None

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Row:
        own = {name: kept[name] for name in cls.__dataclass_fields__}
        return cls(**{**own, "unit": Unit(kept["unit"], kept["better"])})

    def as_json(self) -> dict[str, Any]:
        row = asdict(self)
        figures = {"median": self.median, "min": min(self.values, default=None), "max": max(self.values, default=None)}
        return row | {"unit": self.unit.name, "better": self.unit.better, "valid": self.is_valid} | figures


def make_rows(
    samples: Mapping[str, Sequence[Sample]],
    *,
    scenario: str,
    measure: str,
    references: Sequence[str] = (),
    series: str = "",
    at: float | None = None,
    command: str = "",
) -> list[Row]:
    """A row for each subject and unit of its ``samples``; a problem in any round makes all of the subject's invalid."""
    medians: dict[tuple[str, Unit], float] = {}
    figures: dict[tuple[str, Unit], list[float]] = {}
    for subject, rounds in samples.items():
        for unit in dict.fromkeys(unit for sample in rounds for unit in sample.figures):
            values = [sample.figures[unit] for sample in rounds if not sample.problems and unit in sample.figures]
            figures[subject, unit] = values
            if values:
                medians[subject, unit] = statistics.median(values)
    units = list(dict.fromkeys(unit for _, unit in figures))
    rows = []
    for unit in units or [Unit("", "more")]:
        for subject, rounds in samples.items():
            problems = tuple(dict.fromkeys(problem for sample in rounds for problem in sample.problems))
            if (subject, unit) not in figures and not problems:
                continue  # a unit that only others have
            ratios = {
                reference: medians[subject, unit] / medians[reference, unit]
                for reference in references
                if reference != subject and (subject, unit) in medians and medians.get((reference, unit))
            }
            reached = tuple(figures.get((subject, unit), ()))
            rows.append(Row(scenario, measure, subject, unit, reached, problems, ratios, series, at, command))
    return rows
