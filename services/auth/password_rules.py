"""Which new passwords are good enough (NIST SP 800-63B 5.1.1.2, OWASP ASVS 2.1): long, and not soon guessed.

No classes of characters are asked for. What is refused is what attackers try first: the 30,000 most used passwords of
breaches, names and words, their usual spellings, rows of keys, dates, repeats, and what belongs to the person. zxcvbn
has the lists in itself and counts how many guesses such a one takes; nothing is looked up elsewhere.
"""

from __future__ import annotations

import re
import unicodedata

from shared.errors import Malformed

SHORTEST, LONGEST = 8, 200
GUESSES = 30_000_000  # eight letters and digits at random take 10**8; "Password1!" takes 20,000
JUDGED = 32  # judging takes the square of it in time; what is good so far, more does not spoil
OURS = ("pulse", "chat")


def check_new_password(password: str, email: str = "", name: str = "", field: str = "password") -> None:
    """Raises Malformed, saying what to do better. Lengths are code points."""
    problem = find_problem(password, email, name)
    if problem:
        raise Malformed(fields=[{"field": field, "problem": problem}])


def find_problem(password: str, email: str = "", name: str = "") -> str | None:
    meant = normalise(password)
    if min(len(password), len(meant)) < SHORTEST or len(password) > LONGEST:
        return f"must be {SHORTEST} to {LONGEST} characters"
    whole = {normalise(word).lower() for word in (email, name)}
    theirs = [word for word in sorted({*whole, *re.split(r"\W+", " ".join(whole)), *OURS}) if word]
    if meant.strip().lower() in theirs or _is_soon_guessed(meant, theirs):
        return "is too easy to guess: use a few words that don't belong together, or a password manager"
    return None


def normalise(password: str) -> str:
    """Keyboards write the same letter in several ways (NIST SP 800-63B asks for NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _is_soon_guessed(password: str, theirs: list[str]) -> bool:
    # Not before somebody chooses a password: the lists cost every worker 16 MiB and part of its start.
    from services.auth.guesses import count_guesses

    return count_guesses(password[:JUDGED], {word: rank for rank, word in enumerate(theirs, 1)}) < GUESSES
