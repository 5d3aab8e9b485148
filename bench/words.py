"""Made-up messages that are like people's: few words are frequent and most are rare, and most messages are short.

Zipf's law with exponent 1 over ``WORDS`` words: of all words said, the one of rank k is the ``ln((k+1)/k) / ln WORDS``
part (rank 1 some 6%, rank 100 some 0.08%). Lengths are lognormal: a median of 8 words, 11 on average, at most 300.
"""

from __future__ import annotations

from functools import cache
from random import Random

WORDS = 200_000
MEDIAN_LOG, SIGMA, MOST_WORDS = 2.1, 0.8, 300
SYLLABLES = tuple(consonant + vowel for vowel in "aeiou" for consonant in "tnsrldkmpbfgvhzwjcyx")


def make_word(rank: int) -> str:
    """The word of rank 1 and above, as bijective digits: one syllable up to rank 100, two up to 10,100, then three."""
    spelled = ""
    while rank > 0:
        rank, digit = divmod(rank - 1, len(SYLLABLES))
        spelled = SYLLABLES[digit] + spelled
    return spelled


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word, by rank from 1; at 0 the first once more, for who rounds down."""
    return tuple(make_word(max(rank, 1)) for rank in range(WORDS + 1))


class Writer:
    """Says the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._words = vocabulary()

    def write(self) -> str:
        """One message: no tab, no backslash, no newline."""
        random, words = self._random.random, self._words
        length = min(MOST_WORDS, max(1, int(self._random.lognormvariate(MEDIAN_LOG, SIGMA))))
        # int(WORDS ** u) is k for ln k <= u ln WORDS < ln(k + 1).
        said = " ".join([words[int(WORDS ** random())] for _ in range(length)])
        return said.capitalize() + "."
