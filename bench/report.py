"""What is shown and kept of a run: tables in the terminal and in docs/performance.md, a JSON file and plots."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.machine import describe_machine
from bench.plots import make_plots
from bench.results import Row
from bench.tables import make_tables
from ops.places import ROOT

FOLDER = ROOT / "docs" / "performance"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of the figures -->"


def show(rows: Sequence[Row], failed: Mapping[str, str]) -> None:
    print(make_tables(rows, failed), file=sys.stdout)


def write(rows: Sequence[Row], failed: Mapping[str, str]) -> None:
    """Replaces the results of the scenarios that ran; those of others stay."""
    path = FOLDER / "results.json"
    kept = json.loads(path.read_text()) if path.exists() else {"rows": [], "failed": {}}
    ran = {row.scenario for row in rows} | set(failed)
    old = [row for row in map(Row.from_json, kept["rows"]) if row.scenario not in ran]
    still_failed = {name: reason for name, reason in kept["failed"].items() if name not in ran} | dict(failed)
    save([*old, *rows], still_failed, describe_machine())


def save(rows: Sequence[Row], failed: Mapping[str, str], machine: Mapping[str, Any]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = sorted(rows, key=lambda row: row.scenario)  # in each scenario they stay as they were measured
    result = {"machine": dict(machine), "failed": dict(failed), "rows": [row.as_json() for row in rows]}
    (FOLDER / "results.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    plots = make_plots(rows)
    for name, plot in plots.items():
        (FOLDER / name).write_text(plot)
    facts = (
        f"{machine['cores']} cores ({machine['processor']}, {machine['architecture']}), Linux {machine['kernel']}, "
        f"Python {machine['python']}, Node {machine['node']}."
    )
    pictures = "\n".join(f"![{name.partition('.')[0].replace('_', ' ')}](performance/{name})" for name in plots)
    PAGE.write_text(replace(PAGE.read_text(), f"{facts}\n\n{make_tables(rows, failed)}\n{pictures}"))


def replace(page: str, figures: str) -> str:
    """The page with these figures between its two markers. Raises ValueError when it lacks them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/performance.md needs a line {BEGIN} and a line {END}")
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}"
