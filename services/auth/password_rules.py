"""Which new passwords are good enough (NIST SP 800-63B 5.1.1.2, OWASP ASVS 2.1): long, and not soon guessed.

No classes of characters are asked for. What is refused is what attackers try first: the 30,000 most used passwords of
breaches, names and words, their usual spellings, rows of keys, dates, repeats, and what belongs to the person. zxcvbn
has the lists in itself and counts how many guesses such a one takes; nothing is looked up elsewhere.
"""

from __future__ import annotations

import re

from zxcvbn.matching import RANKED_DICTIONARIES, build_ranked_dict, omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

from shared.errors import Malformed

SHORTEST, LONGEST = 8, 200
GUESSES = 30_000_000  # eight letters and digits at random take 10**8; "Password1!" takes 20,000
JUDGED = 40  # zxcvbn needs more than its square of time; what is good so far, more does not spoil
OURS = ("pulse", "chat")


def check_new_password(password: str, email: str = "", name: str = "", field: str = "password") -> None:
    """Raises Malformed, saying what to do better. Lengths are code points."""
    problem = find_problem(password, email, name)
    if problem:
        raise Malformed(fields=[{"field": field, "problem": problem}])


def find_problem(password: str, email: str = "", name: str = "") -> str | None:
    if not SHORTEST <= len(password) <= LONGEST:
        return f"must be {SHORTEST} to {LONGEST} characters"
    theirs = [word for word in {email, name, *re.split(r"\W+", f"{email} {name}"), *OURS} if word]
    if password.strip().lower() in {word.lower() for word in theirs} or _is_soon_guessed(password, theirs):
        return "is too easy to guess: use a few words that don't belong together, or a password manager"
    return None


def _is_soon_guessed(password: str, theirs: list[str]) -> bool:
    # Not zxcvbn(), which keeps one person's words where the next one's thread finds them.
    words = {**RANKED_DICTIONARIES, "user_inputs": build_ranked_dict([word.lower() for word in theirs])}
    start = password[:JUDGED]
    return int(most_guessable_match_sequence(start, omnimatch(start, words))["guesses"]) < GUESSES
