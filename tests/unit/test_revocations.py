"""The list of sessions that ended early, as a chat or websocket process keeps it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.caller import Caller
from shared.errors import NotAuthenticated, Unavailable
from shared.revocations import Revocation, RevocationList
from shared.wire import wire_time

ANN, BEN = uuid4(), uuid4()


class Auth:
    """Answers GET /revocations as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.asked: list[int] = []

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        assert path == "/revocations"
        self.asked.append(query["after"])
        if not self.answers:
            raise Unavailable()
        return self.answers.pop(0)


def row(user_id: UUID, not_before: float, expires_at: float | None = None) -> dict[str, Any]:
    return {
        "session_id": None,
        "user_id": str(user_id),
        "not_before": wire_time(not_before),
        "expires_at": wire_time(expires_at or time.time() + 600),
    }


def caller(user_id: UUID, issued_at: float) -> Caller:
    return Caller(user_id, f"session of {user_id}", issued_at, time.time() + 600)


def test_a_revoked_person_is_refused_and_others_are_not() -> None:
    now = time.time()
    auth, told = Auth(), list[Revocation]()
    auth.answers = [{"revocations": [row(ANN, now)], "position": 7}]
    revocations = RevocationList(auth, told.append)
    revocations.read()
    with pytest.raises(NotAuthenticated):
        revocations.check(caller(ANN, now - 1))
    revocations.check(caller(ANN, now + 1))  # signed in again since
    revocations.check(caller(BEN, now - 1))
    assert [one.user_id for one in told] == [str(ANN)]


def test_the_next_question_begins_where_the_last_answer_ended() -> None:
    auth = Auth()
    auth.answers = [{"revocations": [], "position": 7}, {"revocations": [], "position": 7}]
    revocations = RevocationList(auth)
    revocations.read()
    revocations.read()
    assert auth.asked == [0, 7]


def test_an_older_answer_that_comes_late_undoes_nothing() -> None:
    now = time.time()
    auth = Auth()
    auth.answers = [
        {"revocations": [row(ANN, now)], "position": 9},
        {"revocations": [row(ANN, now - 60)], "position": 8},
        {"revocations": [], "position": 9},
    ]
    revocations = RevocationList(auth)
    for _ in range(3):
        revocations.read()
    assert auth.asked[-1] == 9
    with pytest.raises(NotAuthenticated):
        revocations.check(caller(ANN, now - 30))


def test_a_row_is_forgotten_when_the_tokens_it_ends_have_ended() -> None:
    clock = [time.time()]
    auth = Auth()
    auth.answers = [
        {"revocations": [row(ANN, clock[0], clock[0] + 5)], "position": 1},
        {"revocations": [], "position": 1},
    ]
    revocations = RevocationList(auth, clock=lambda: clock[0])
    revocations.read()
    clock[0] += 6
    revocations.read()
    revocations.check(caller(ANN, 0.0))


def test_with_auth_away_what_is_known_still_counts_and_readiness_says_so() -> None:
    clock = [time.time()]
    auth = Auth()
    auth.answers = [{"revocations": [row(ANN, clock[0])], "position": 1}]
    revocations = RevocationList(auth, clock=lambda: clock[0])
    revocations.read()
    revocations.check_fresh()
    clock[0] += 11
    with pytest.raises(Unavailable):
        revocations.read()
    with pytest.raises(Unavailable):
        revocations.check_fresh()
    with pytest.raises(NotAuthenticated):
        revocations.check(caller(ANN, clock[0] - 60))
