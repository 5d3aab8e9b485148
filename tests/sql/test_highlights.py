"""find_highlights: what list_words finds word by word, on whatever texts; and in whole letters, however they unfold."""

from __future__ import annotations

import json
import random
from typing import Any

import psycopg
import pytest

# Each character of which becomes one: list_words tells places in the folded text.
PIECES = ["a", "b", "ab", "Ab", "á", "北", "京", "タ", "🐳", "1", "3.5", "x@y.z", "\x01", "\x02", "\x03"]
GAPS = [" ", " ", " ", ", ", ".", "", "\n", "-", "&", "<b>", "\\", "'"]


def write(chosen: random.Random, length: int) -> str:
    return "".join(chosen.choice(PIECES) + chosen.choice(GAPS) for _ in range(length))


def reckon(words: list[tuple[str, int, int]], terms: list[dict[str, Any]]) -> list[list[int]]:
    found = set()
    for term in terms:
        wanted, size = term["words"], len(term["words"])
        for begun in range(len(words) - size + 1):
            said = [word for word, _, _ in words[begun : begun + size]]
            if said[:-1] == wanted[:-1] and (
                said[-1] == wanted[-1] or (term["open"] and said[-1].startswith(wanted[-1]))
            ):
                found.add((words[begun][1], words[begun + size - 1][2]))
    apart: list[list[int]] = []
    for low, high in sorted(found):
        if apart and low <= apart[-1][1]:
            apart[-1][1] = max(apart[-1][1], high)
        else:
            apart.append([low, high])
    return apart


def test_highlights_are_the_words_and_rows_of_words_that_match_apart_and_in_order(owner_url: str) -> None:
    chosen = random.Random(5)  # the same texts each time
    matched = 0
    with psycopg.connect(owner_url) as owner:
        for _ in range(250):
            content = write(chosen, chosen.choice([3, 12, 40]))
            quoted = write(chosen, chosen.choice([1, 2, 3])).replace('"', "")
            q = f'a{write(chosen, 1)} "{quoted}"'
            [terms], [words] = (
                owner.execute("select public.read_terms(%s)", [q]).fetchone() or [],
                owner.execute("select public.list_words(%s)", [content]).fetchone() or [],
            )
            asked = [content, json.dumps(terms)]
            [shown] = owner.execute("select public.find_highlights(%s, %s)", asked).fetchone() or []
            assert shown == reckon(words, terms), (content, q)
            matched += bool(shown)
    assert matched > 50


@pytest.mark.parametrize(
    ("content", "q", "shown"),
    [
        ("ﷺ", "صلى عليه", [[0, 1]]),
        ("ﷺ ok", "صلى ok", [[0, 1], [2, 4]]),
        ("a " + "x" * 3_000 + " a", "a", [[0, 1], [3_003, 3_004]]),
        ("a a a b", "a " * 90, [[0, 1], [2, 3], [4, 5]]),
        ("nothing", "a", []),
    ],
    ids=["one-letter-of-several-words", "beside-a-word", "around-an-overlong-word", "a-word-asked-for-often", "none"],
)
def test_what_overlaps_is_one_and_offsets_are_those_of_the_text(
    owner_url: str, content: str, q: str, shown: list[list[int]]
) -> None:
    with psycopg.connect(owner_url) as owner:
        asked = owner.execute("select public.find_highlights(%s, public.read_terms(%s))", [content, q[:200]])
        assert asked.fetchone() == (shown,)
