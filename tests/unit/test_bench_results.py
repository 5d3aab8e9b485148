"""What the benchmark makes of its samples: medians, ratios, and what counts as invalid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.client import find_problems
from bench.results import Row, Sample, Unit, make_rows
from bench.rounds import Rounds, Subjects
from ops.guard import Guard

RATE, DELAY = Unit("sends/s", "more"), Unit("ms p99", "less")


def rows_of(samples: dict[str, list[Sample]]) -> dict[tuple[str, str], Row]:
    rows = make_rows(samples, scenario="sends", measure="1 sender", references=("node",))
    return {(row.subject, row.unit.name): row for row in rows}


def test_a_row_has_the_median_and_the_ratio_of_medians() -> None:
    rows = rows_of(
        {
            "pulse": [Sample({RATE: 300.0}), Sample({RATE: 90.0}), Sample({RATE: 310.0})],
            "node": [Sample({RATE: 100.0}), Sample({RATE: 100.0}), Sample({RATE: 500.0})],
        }
    )
    assert rows["pulse", "sends/s"].median == 300
    assert rows["pulse", "sends/s"].ratios == {"node": 3.0}
    assert rows["node", "sends/s"].ratios == {}
    kept = rows["pulse", "sends/s"].as_json()
    assert (kept["min"], kept["max"], kept["valid"]) == (90, 310, True)


def test_one_round_with_a_problem_makes_the_subject_invalid_and_no_other() -> None:
    rows = rows_of(
        {
            "pulse": [Sample({RATE: 300.0}), Sample({RATE: 9_000.0}, ["3 deliveries missing"])],
            "node": [Sample({RATE: 100.0}), Sample({RATE: 100.0})],
        }
    )
    assert not rows["pulse", "sends/s"].is_valid
    assert rows["pulse", "sends/s"].values == (300,)
    assert rows["pulse", "sends/s"].problems == ("3 deliveries missing",)
    assert rows["node", "sends/s"].is_valid


def test_who_has_no_figures_at_all_is_still_shown_beside_the_others() -> None:
    rows = rows_of({"pulse": [Sample({RATE: 1.0, DELAY: 2.0})], "node": [Sample({}, ["it ended"])]})
    assert {key for key, row in rows.items() if row.is_valid} == {("pulse", "sends/s"), ("pulse", "ms p99")}
    assert {key for key, row in rows.items() if not row.is_valid} == {("node", "sends/s"), ("node", "ms p99")}
    assert rows["pulse", "sends/s"].ratios == {}


def test_when_everybody_failed_there_is_a_row_that_says_so() -> None:
    rows = rows_of({"pulse": [Sample({}, ["it ended"])]})
    assert [(row.is_valid, row.problems) for row in rows.values()] == [(False, ("it ended",))]


def test_rows_survive_being_kept() -> None:
    row = next(iter(rows_of({"pulse": [Sample({RATE: 1.0})]}).values()))
    again = Row.from_json(row.as_json())
    assert again.as_json() == row.as_json()
    assert again.unit == RATE


TOLD: dict[str, Any] = {
    **{"missing": 0, "doubled": 0, "strange": 0, "lost_sockets": 0},
    "http": {"sent": 5, "answered": 5, "failed": 0, "first_failure": ""},
}


def test_a_run_in_which_all_arrived_once_is_valid() -> None:
    assert find_problems(TOLD) == []


@pytest.mark.parametrize("name", ["missing", "doubled", "strange", "lost_sockets"])
def test_a_run_with_a_wrong_delivery_is_invalid(name: str) -> None:
    assert len(find_problems({**TOLD, name: 1})) == 1


@pytest.mark.parametrize("wrong", [{"failed": 1}, {"answered": 4}])
def test_a_run_with_a_request_that_was_not_answered_well_is_invalid(wrong: dict[str, int]) -> None:
    assert len(find_problems({**TOLD, "http": {**TOLD["http"], **wrong}})) == 1


@pytest.fixture
def rounds(tmp_path: Path) -> Rounds:
    return Rounds("sends", tmp_path, Guard.__new__(Guard), 3)


def test_subjects_take_turns_and_every_other_round_goes_backwards(rounds: Rounds) -> None:
    order: list[str] = []

    def measured(name: str) -> Sample:
        order.append(name)
        return Sample({RATE: 1.0})

    rounds.alternate("turns", {name: lambda name=name: measured(name) for name in ("pulse", "node")})  # type: ignore[misc]
    assert order == ["pulse", "node", "node", "pulse", "pulse", "node"]


def test_a_subject_that_fails_is_told_and_left_out_while_the_others_go_on(rounds: Rounds) -> None:
    tried: list[str] = []

    def fail() -> Sample:
        tried.append("node")
        raise OSError("no socket")

    rounds.alternate("turns", {"node": fail, "pulse": lambda: Sample({RATE: 2.0})})
    by_subject = {row.subject: row for row in rounds.rows}
    assert tried == ["node"]
    assert by_subject["node"].problems == ("OSError: no socket",)
    assert by_subject["pulse"].values == (2, 2, 2)


def test_a_subject_that_could_not_be_prepared_fails_when_it_is_measured(rounds: Rounds) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("no node here")

    with Subjects() as subjects:
        subjects.add("node", refuse)  # type: ignore[arg-type]
        rounds.alternate("turns", subjects.measurements)
    assert rounds.rows[0].problems == ("RuntimeError: no node here",)
