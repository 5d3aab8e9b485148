"""Rows as Markdown: what was reached, medians with their least and most, and how it grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from bench.results import Row, Unit
from bench.targets import TARGETS

SUBJECTS = {
    "pulse": "**Pulse**",
    "node": "Socket.IO on Node",
    "seed_node": "the seeds' shape on Node",
    "flask_eventlet": "Flask-SocketIO, eventlet",
    "flask_gevent": "Flask-SocketIO, gevent",
    "bare": "bare `send()`",
}
SCENARIOS = {
    "fan_out": "Fan-out",
    "send_path": "Send path",
    "latency": "Latency",
    "connections": "Connections",
    "history": "History and search",
}


def name_subject(subject: str) -> str:
    """``pulse, ten events a request`` keeps what stands behind its name."""
    name, comma, more = subject.partition(", ")
    return SUBJECTS.get(name, name) + comma + more


def make_tables(rows: Sequence[Row], failed: Mapping[str, str]) -> str:
    """A section for each scenario; those that failed are told as such."""
    parts = [_make_targets(rows)] if rows else []
    for scenario in SCENARIOS:
        own = [row for row in rows if row.scenario == scenario]
        if own or scenario in failed:
            parts.append(f"### {SCENARIOS[scenario]}")
        if scenario in failed:
            parts.append(f"**Failed:** {failed[scenario]}")
        if own:
            parts.append(f"Again: `.venv/bin/{own[0].command}`")
            parts += [*_make_measures(own), *_make_growth(own)]
    return "\n\n".join(parts) + "\n"


def _make_targets(rows: Sequence[Row]) -> str:
    lines = [
        [target.name, target.wanted, verdict.reached, verdict.answer]
        for target in TARGETS
        if (verdict := target.judge(rows))
    ]
    return _table(["target", "wanted", "measured", ""], lines) if lines else "None of the targets was measured."


def _make_measures(rows: Sequence[Row]) -> list[str]:
    """A table for measures in a row that have the same units: a line for each measure and subject."""
    sizes: dict[str, set[float | None]] = {}
    for row in rows:
        sizes.setdefault(row.measure, set()).add(row.at)
    measures: dict[str, list[Row]] = {}
    for row in rows:
        if len(sizes[row.measure]) == 1:  # else it is a line of growth only
            measures.setdefault(row.measure, []).append(row)
    return [_make_table(dict(found)) for _, found in groupby(measures.items(), lambda item: _units(item[1]))]


def _make_table(measures: Mapping[str, Sequence[Row]]) -> str:
    rows = [row for found in measures.values() for row in found]
    units, references = _units(rows), list(dict.fromkeys(name for row in rows for name in row.ratios))
    head = ["", "", *(unit.name for unit in units), *(f"× {SUBJECTS.get(name, name)}" for name in references)]
    lines = []
    for measure, found in measures.items():
        for subject in dict.fromkeys(row.subject for row in found):
            cells = {row.unit: row for row in found if row.subject == subject}
            first = cells.get(units[0])
            ratios = [f"{first.ratios[name]:.2f}" if first and name in first.ratios else "" for name in references]
            shown = [_show(cells.get(unit), ranged=not is_aside(unit)) for unit in units]
            lines.append([measure, name_subject(subject), *shown, *ratios])
            measure = ""
    return _table(head, lines)


def _units(rows: Iterable[Row]) -> tuple[Unit, ...]:
    return tuple(dict.fromkeys(row.unit for row in rows if row.unit.name)) or (Unit("", "more"),)


def _show(row: Row | None, *, ranged: bool) -> str:
    if row is None:
        return ""
    if not row.is_valid or row.median is None:
        return f"invalid: {'; '.join(row.problems) or 'no figure'}".replace("|", "/")
    one = len(row.values) == 1 or not ranged
    return format_figure(row.median) + (
        "" if one else f" ({format_figure(min(row.values))}–{format_figure(max(row.values))})"
    )


def _make_growth(rows: Sequence[Row]) -> list[str]:
    """For each series a table: subjects and units by size, and by how much more it is at the end."""
    tables = []
    for series, units in find_series(rows).items():
        found = [row for own in units.values() for row in own]
        sizes = sorted({row.at for row in found if row.at is not None})
        lines = []
        for unit, own in units.items():
            for subject in dict.fromkeys(row.subject for row in own):
                medians = {row.at: row.median for row in own if row.subject == subject and row.is_valid}
                cells = [format_figure(one) if (one := medians.get(size)) is not None else "invalid" for size in sizes]
                first, last = medians.get(sizes[0]), medians.get(sizes[-1])
                slope = f"× {last / first:.2f}" if first and last else ""
                lines.append([name_subject(subject), unit.name, *cells, slope])
        head = [f"growth: {series}", "", *(f"{size:,.0f}" for size in sizes), f"for × {sizes[-1] / sizes[0]:,.0f}"]
        tables.append(_table(head, lines))
    return tables


def find_series(rows: Sequence[Row]) -> dict[str, dict[Unit, list[Row]]]:
    """By series and unit, where there are several sizes. One unit of each kind: the first in ms, the first a second."""
    found: dict[str, dict[Unit, list[Row]]] = {}
    for row in rows:
        if row.series and row.at is not None and row.unit.name and not is_aside(row.unit):
            units = found.setdefault(row.series, {})
            if row.unit in units or row.unit.name.split()[0] not in {unit.name.split()[0] for unit in units}:
                units.setdefault(row.unit, []).append(row)
    return {
        series: units for series, units in found.items() if len({row.at for own in units.values() for row in own}) > 1
    }


def is_aside(unit: Unit) -> bool:
    """What explains a figure rather than is one."""
    return unit.name.startswith(("CPU", "%"))


def format_figure(value: float) -> str:
    """Three digits that mean something."""
    if value == 0 or abs(value) >= 100:
        rounded = float(f"{value:.3g}")
        return f"{rounded:,.0f}"
    return f"{value:.3g}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))
