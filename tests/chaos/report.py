"""What happened in a chaos run, for people to read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.options import Options


@dataclass
class Report:
    options: Options
    figures: dict[str, object] = field(default_factory=dict)

    def write(self) -> None:
        say(f"figures of {self.options}:")
        for name, value in self.figures.items():
            say(f"  {name}: {value}")


def say(line: str) -> None:
    """At once: such a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    shown = {"median": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "most": len(ordered) - 1}
    return ", ".join(f"{name} {ordered[place] * 1000:,.0f} ms" for name, place in shown.items())
