"""What happened in a chaos run, for people to read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.options import Options


@dataclass
class Report:
    """``did``: what the nemesis did, and when (seconds from the first message)."""

    options: Options
    did: list[tuple[float, str]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def write(self) -> None:
        lines = ["", f"chaos run: {self.options}"]
        lines += [f"  {at:7.1f} s  {what}" for at, what in sorted(self.did)]
        lines += [f"  {name}: {value}" for name, value in self.figures.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    shown = {"median": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "most": len(ordered) - 1}
    return ", ".join(f"{name} {ordered[place] * 1000:,.0f} ms" for name, place in shown.items())
