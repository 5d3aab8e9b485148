"""Rows as SVG: bars for each measure, lines for what grows. The same rows make the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from bench.results import Row, Unit
from bench.tables import SUBJECTS, find_series, format_figure

# Okabe and Ito's colours, which the colour-blind tell apart too.
COLOURS = {
    "pulse": "#0072b2",
    "node": "#e69f00",
    "seed_node": "#d55e00",
    "flask_eventlet": "#009e73",
    "flask_gevent": "#cc79a7",
    "bare": "#888888",
}
WIDTH, LABEL, BAR, CHART, LEFT = 760, 250, 16, 150, 76


def make_plot(rows: Sequence[Row]) -> str:
    """One scenario's valid rows: the first unit of each measure as bars, the first of each series as lines."""
    body: list[str] = []
    at = 8
    for measure, unit, found in _bars(rows):
        body.append(_text(8, at + 14, f"{measure}: {unit.name} ({unit.better} is better)", bold=True))
        at += 24
        most = max(row.median or 0 for row in found)
        for row in found:
            value = row.median or 0
            width = (WIDTH - LABEL - 90) * value / (most or 1)
            body.append(_text(LABEL - 8, at + 12, _name(row.subject), anchor="end"))
            body.append(f'<rect x="{LABEL}" y="{at}" width="{width:.1f}" height="{BAR - 2}" fill="{_colour(row)}"/>')
            body.append(_text(LABEL + width + 6, at + 12, format_figure(value)))
            at += BAR
        at += 12
    for series, unit, found in _lines(rows):
        valid = [row for row in found if row.is_valid]
        if valid:
            body.append(_text(8, at + 14, f"{series}: {unit.name} ({unit.better} is better)", bold=True))
            body += _make_lines(valid, at + 28)
            at += CHART + 70
    shape = f'width="{WIDTH}" height="{at}" viewBox="0 0 {WIDTH} {at}"'
    style = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {shape} {style}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{at}" fill="#fff"/>', *body, "</svg>"]) + "\n"


def _bars(rows: Sequence[Row]) -> list[tuple[str, Unit, list[Row]]]:
    measures: dict[str, list[Row]] = {}
    for row in rows:
        if row.is_valid and not row.series:
            own = measures.setdefault(row.measure, [])
            if not own or own[0].unit == row.unit:
                own.append(row)
    return [(measure, own[0].unit, own) for measure, own in measures.items()]


def _lines(rows: Sequence[Row]) -> list[tuple[str, Unit, list[Row]]]:
    """The first two units of each series."""
    return [(series, unit, own) for series, units in find_series(rows).items() for unit, own in list(units.items())[:2]]


def _make_lines(rows: Sequence[Row], top: int) -> list[str]:
    """Sizes on a logarithmic axis, figures from 0 up."""
    sizes = sorted({row.at for row in rows if row.at})
    most = max(row.median or 0 for row in rows) or 1
    left, right = math.log10(sizes[0]), math.log10(sizes[-1])

    def place(row: Row) -> str:
        return f"{_x(math.log10(row.at or 1), left, right):.1f},{top + CHART * (1 - (row.median or 0) / most):.1f}"

    base = top + CHART
    body = [
        f'<path d="M{LEFT} {top}V{base}H{WIDTH - 190}" fill="none" stroke="#666"/>',
        _text(LEFT - 4, top + 4, format_figure(most), anchor="end"),
    ]
    body += [_text(_x(math.log10(size), left, right), base + 16, f"{size:,.0f}", anchor="middle") for size in sizes]
    for n, subject in enumerate(dict.fromkeys(row.subject for row in rows)):
        own = sorted((row for row in rows if row.subject == subject), key=lambda row: row.at or 0)
        body.append(
            f'<polyline points="{" ".join(map(place, own))}" fill="none" stroke="{_colour(own[0])}" stroke-width="2"/>'
        )
        body += [
            '<circle cx="{}" cy="{}" r="3" fill="{}"/>'.format(*place(row).split(","), _colour(row)) for row in own
        ]
        y = top + 16 * n
        body.append(f'<rect x="{WIDTH - 178}" y="{y}" width="10" height="10" fill="{_colour(own[0])}"/>')
        body.append(_text(WIDTH - 162, y + 10, _name(subject)))
    return body


def _x(value: float, left: float, right: float) -> float:
    return LEFT + (WIDTH - LEFT - 220) * ((value - left) / (right - left) if right > left else 0.5) + 10


def _name(subject: str) -> str:
    name, comma, more = subject.partition(", ")
    return SUBJECTS.get(name, name).translate({ord("*"): None, ord("`"): None}) + comma + more


def _colour(row: Row) -> str:
    return COLOURS.get(row.subject.partition(",")[0], "#444444")


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def make_plots(rows: Sequence[Row]) -> Mapping[str, str]:
    """By file name."""
    scenarios = dict.fromkeys(row.scenario for row in rows if row.is_valid)
    return {f"{name}.svg": make_plot([row for row in rows if row.scenario == name]) for name in scenarios}
