"""What is shown and kept of a run: a table in the terminal and in docs/performance.md, and a JSON file."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from bench.machine import describe_machine
from bench.results import Row
from ops.places import ROOT

FOLDER = ROOT / "docs" / "performance"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by make bench -->", "<!-- end of the figures -->"
TITLES = {
    "pulse": "**Pulse**",
    "node": "Socket.IO on Node",
    "seed_node": "the seeds' shape on Node",
    "flask_eventlet": "Flask-SocketIO, eventlet",
    "flask_gevent": "Flask-SocketIO, gevent",
    "bare": "bare `send()`",
}


def show(rows: Sequence[Row], failed: Mapping[str, str]) -> None:
    print(make_tables(rows, failed), file=sys.stdout)


def write(rows: Sequence[Row], failed: Mapping[str, str]) -> None:
    """Replaces the results of the scenarios that ran; those of others stay."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "results.json"
    ran = {row.scenario for row in rows} | set(failed)
    kept = json.loads(path.read_text()) if path.exists() else {"rows": [], "failed": {}}
    all_rows = [row for row in map(Row.from_json, kept["rows"]) if row.scenario not in ran] + list(rows)
    all_failed = {name: reason for name, reason in kept["failed"].items() if name not in ran} | dict(failed)
    result = {"machine": describe_machine(), "failed": all_failed, "rows": [row.as_json() for row in all_rows]}
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(replace(PAGE.read_text(), make_tables(all_rows, all_failed)))


def replace(page: str, tables: str) -> str:
    """The page with these tables between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def make_tables(rows: Sequence[Row], failed: Mapping[str, str]) -> str:
    """A section for each scenario, a table for each measure and unit in it."""
    return "\n".join([*(f"{row}" for row in rows), *(f"{name} failed: {why}" for name, why in failed.items())])


def by_scenario(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [(name, list(found)) for name, found in groupby(rows, lambda row: row.scenario)]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))
