"""Which new passwords are good enough."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.auth.password_rules import check_new_password, find_problem
from shared.errors import Malformed

ANN = ("ann.lee@example.org", "Ann Lee")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "another staple",
        "k3x9qz2m",
        "Tr-7ub.Loft 19",
        "ein Hund, zwei Katzen",
        "пять зелёных яблок",
        "五匹の猫が庭で寝ている",
        "🐴🔋📎✅🐙🎈🧊🪁",
        "x9" * 3 + "lantern river" + "q" * 170,
        "        blue tractor",
    ],
)
def test_what_is_long_and_not_soon_guessed_is_good_enough(password: str) -> None:
    assert find_problem(password, *ANN) is None


@pytest.mark.parametrize(
    "password",
    [
        "",
        "k3x9qz2",
        "k3x9qz2m" * 26,
        "password",
        "PASSWORD",
        "Password1!",
        "p@ssw0rd",
        "drowssap",
        "12345678",
        "qwertyuiop",
        "1qaz2wsx",
        "aaaaaaaaaaaa",
        "abcdefghij",
        "iloveyou2",
        "letmein123",
        "20.11.1987",
        "passwordpassword",
        "        ",
        "ann.lee@example.org",
        "ANN.LEE@example.org",
        "annlee12",
        "pulse1234",
        "a" * 200,
    ],
)
def test_what_is_short_long_or_tried_first_is_not(password: str) -> None:
    problem = find_problem(password, *ANN)
    assert problem
    with pytest.raises(Malformed) as refusal:
        check_new_password(password, *ANN)
    assert refusal.value.data == {"fields": [{"field": "password", "problem": problem}]}


def test_what_belongs_to_one_person_is_good_enough_for_another_also_at_the_same_moment() -> None:
    pairs = [("bartholomew zest", "bartholomew.zest@example.org"), ("bartholomew zest", "ann@example.org")] * 8
    with ThreadPoolExecutor(8) as pool:
        problems = list(pool.map(lambda pair: find_problem(*pair), pairs))
    assert [problem is None for problem in problems] == [False, True] * 8


def test_the_dearest_password_to_judge_takes_no_more_than_a_moment() -> None:
    began = time.process_time()
    find_problem("aA4@{[(<cC1!|iI'" * 12, *ANN)
    assert time.process_time() - began < 2
