"""How many guesses a password takes, by zxcvbn's lists and sums.

The search for words, other spellings and repeats is ours: zxcvbn tries every combination of a spelling's signs, which
takes seconds where they are many. Here a sign stands for its letter in every spelling at once, and the few that can be
one of two letters make four spellings in all. And nothing of one person stays where the next one's thread finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from zxcvbn.matching import L33T_TABLE, RANKED_DICTIONARIES, date_match, regex_match, sequence_match, spatial_match
from zxcvbn.scoring import most_guessable_match_sequence

Words = Mapping[str, int]
"""Ranks, from 1, by word in small letters."""
Match = dict[str, Any]
"""As zxcvbn has them; ``i`` and ``j`` are the first and the last character's places."""


def _merge(dictionaries: Mapping[str, Words]) -> Words:
    best: dict[str, int] = {}
    for words in dictionaries.values():
        for word, rank in words.items():
            best[word] = min(rank, best.get(word, rank))
    return best


def _spellings() -> list[dict[str, str]]:
    letters: dict[str, list[str]] = {}
    for letter, signs in L33T_TABLE.items():
        for sign in signs:
            letters.setdefault(sign, []).append(letter)
    either = {"".join(found) for found in letters.values() if len(found) > 1}  # "il" for 1 and |, "lt" for 7
    choices = [dict(zip(sorted(either), chosen, strict=True)) for chosen in product(*sorted(either))]
    return [{sign: choice.get("".join(found), found[0]) for sign, found in letters.items()} for choice in choices]


COMMON = _merge(RANKED_DICTIONARIES)
LONGEST = max(map(len, COMMON))
SPELLINGS = _spellings()
REPEATS = (re.compile(r"(.+)\1+", re.DOTALL), re.compile(r"(.+?)\1+", re.DOTALL))
"""The longest that is repeated, and the shortest: the one for aabaab, the other for aaaa."""


def count_guesses(password: str, theirs: Words) -> int:
    """``theirs`` are words that belong to the person."""
    return int(_score(password, theirs)["guesses"])


def _score(password: str, theirs: Words) -> Match:
    matches: list[Match] = []
    for find in (spatial_match, sequence_match, regex_match, date_match):
        matches += find(password)
    for found in (_words, _reversed, _respelled, _repeats):
        matches += found(password, theirs)
    scored: Match = most_guessable_match_sequence(password, matches)
    return scored


def _words(text: str, theirs: Words) -> Iterator[Match]:
    small = _lower(text)
    longest = max([LONGEST, *map(len, theirs)])
    for i in range(len(small)):
        for j in range(i, min(i + longest, len(small))):
            word = small[i : j + 1]
            rank = theirs.get(word) or COMMON.get(word)
            if rank:
                yield {
                    "pattern": "dictionary",
                    "i": i,
                    "j": j,
                    "token": text[i : j + 1],
                    "matched_word": word,
                    "rank": rank,
                    "reversed": False,
                    "l33t": False,
                }


def _reversed(text: str, theirs: Words) -> Iterator[Match]:
    last = len(text) - 1
    for match in _words(text[::-1], theirs):
        if match["matched_word"] == match["matched_word"][::-1]:
            continue  # found the other way round already
        yield {
            **match,
            "i": last - match["j"],
            "j": last - match["i"],
            "token": match["token"][::-1],
            "reversed": True,
        }


def _respelled(text: str, theirs: Words) -> Iterator[Match]:
    spelled = {"".join(spelling.get(one, one) for one in text): spelling for spelling in SPELLINGS}
    for respelled, spelling in spelled.items():
        if respelled == text:
            continue
        for match in _words(respelled, theirs):
            token = text[match["i"] : match["j"] + 1]
            signs = {sign: letter for sign, letter in spelling.items() if sign in token}
            if signs and len(token) > 1:
                yield {**match, "token": token, "l33t": True, "sub": signs}


def _repeats(text: str, theirs: Words) -> Iterator[Match]:
    found = {match.span(): match[0] for pattern in REPEATS for match in pattern.finditer(text)}
    for (start, end), token in found.items():
        base = token[: (token + token).find(token, 1)]
        if len(base) == len(token):
            continue
        yield {
            "pattern": "repeat",
            "i": start,
            "j": end - 1,
            "token": token,
            "base_guesses": _score(base, theirs)["guesses"],
            "repeat_count": len(token) // len(base),
        }


def _lower(text: str) -> str:
    """Of the same length, which str.lower() does not always keep."""
    return "".join(small if len(small := one.lower()) == 1 else one for one in text)
