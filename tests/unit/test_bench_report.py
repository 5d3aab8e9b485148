"""How results are shown: tables, targets, plots, and where they go in docs/performance.md."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from bench.plots import make_plot, make_plots
from bench.report import BEGIN, END, PAGE, replace
from bench.results import Row, Sample, Unit, make_rows
from bench.tables import format_figure, make_tables
from bench.targets import GROUP, TARGETS

RATE, MEMORY = Unit("deliveries/s", "more"), Unit("KiB RSS per connection", "less")


def fan_out(pulse: Sample, node: Sample) -> list[Row]:
    samples = {"pulse": [pulse], "node": [node]}
    return make_rows(samples, scenario="fan_out", measure=GROUP, references=("node",), command="python -m bench")


def growth(sizes: dict[int, float]) -> list[Row]:
    return [
        row
        for size, value in sizes.items()
        for row in make_rows(
            {"pulse": [Sample({RATE: value})]}, scenario="fan_out", measure=f"{size}", series="sockets", at=size
        )
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.01234, "0.0123"), (9.876, "9.88"), (123.4, "123"), (123_456.0, "123,000")],
)
def test_figures_have_three_digits_that_mean_something(value: float, shown: str) -> None:
    assert format_figure(value) == shown


def test_a_table_has_a_line_for_each_subject_with_its_ratio() -> None:
    table = make_tables(fan_out(Sample({RATE: 150_000.0}), Sample({RATE: 75_000.0})), {})
    assert f"| {GROUP} | **Pulse** | 150,000 | 2.00 |" in table
    assert "|  | Socket.IO on Node | 75,000 |  |" in table
    assert "Again: `.venv/bin/python -m bench`" in table


def test_an_invalid_run_shows_why_and_no_figure() -> None:
    table = make_tables(fan_out(Sample({RATE: 9e9}, ["3 deliveries missing"]), Sample({RATE: 75_000.0})), {})
    assert "| **Pulse** | invalid: 3 deliveries missing |" in table
    assert "9,000,000,000" not in table


def test_a_scenario_that_failed_is_told() -> None:
    assert "### Latency\n\n**Failed:** SetupError: no node" in make_tables([], {"latency": "SetupError: no node"})


def verdict(rows: list[Row], of: str) -> str:
    target = next(target for target in TARGETS if target.scenario == "fan_out" and target.of == of)
    found = target.judge(rows)
    return found.answer if found else "not measured"


def test_a_target_is_reached_missed_by_so_much_or_invalid() -> None:
    assert verdict(fan_out(Sample({RATE: 170.0}), Sample({RATE: 100.0})), "node") == "reached"
    assert verdict(fan_out(Sample({RATE: 153.0}), Sample({RATE: 100.0})), "node") == "**missed** by 10 %"
    assert verdict(fan_out(Sample({RATE: 900.0}, ["lost"]), Sample({RATE: 100.0})), "node") == "**invalid**"
    assert verdict(fan_out(Sample({RATE: 170.0}), Sample({RATE: 100.0}, ["lost"])), "node") == "**invalid**"
    assert verdict([], "node") == "not measured"


@pytest.mark.parametrize(("used", "answer"), [(34.0, "reached"), (42.0, "**missed** by 20 %")])
def test_less_is_better_where_less_is_wanted(used: float, answer: str) -> None:
    target = next(target for target in TARGETS if target.unit == MEMORY.name)
    samples = {"pulse": [Sample({MEMORY: used})]}
    found = target.judge(make_rows(samples, scenario=target.scenario, measure=target.measure))
    assert found
    assert found.answer == answer


def test_growth_says_by_how_much_more_it_is_at_the_end() -> None:
    table = make_tables(growth({100: 50.0, 1_000: 45.0, 10_000: 40.0}), {})
    assert "| growth: sockets |  | 100 | 1,000 | 10,000 | for × 100 |" in table
    assert "| **Pulse** | deliveries/s | 50 | 45 | 40 | × 0.80 |" in table


def test_a_plot_is_the_same_for_the_same_rows_and_leaves_out_what_is_invalid() -> None:
    rows = fan_out(Sample({RATE: 150.0}), Sample({RATE: 75.0}, ["lost"])) + growth({100: 50.0, 1_000: 45.0})
    plot = make_plot(rows)
    assert plot == make_plot(rows)
    texts = [element.text for element in ElementTree.fromstring(plot).iter() if element.text]
    assert "Pulse" in texts
    assert "Socket.IO on Node" not in texts
    assert list(make_plots(rows)) == ["fan_out.svg"]


def test_the_page_is_changed_between_its_markers_only() -> None:
    assert replace(f"before\n{BEGIN}\nold\n{END}\nafter", "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter"
    with pytest.raises(ValueError, match="needs a line"):
        replace("a page without markers", "new")


def test_the_page_has_its_markers_once() -> None:
    page = PAGE.read_text()
    assert [len(re.findall(re.escape(marker), page)) for marker in (BEGIN, END)] == [1, 1]
