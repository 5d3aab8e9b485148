"""Hashes: what they cost, when they are renewed, and that a flood of them does not take everything."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask

from services.auth.builtin.passwords import OWASP, Passwords
from shared.errors import Unavailable
from tests.auth.conftest import MakeApp, Owner
from tests.auth.providers import OWN_TABLES, builtin_only
from tests.auth.test_password_sign_up import HORSE, STAPLE, make_known
from tests.auth.visitor import Visitor

pytestmark = builtin_only(OWN_TABLES)
CHEAP = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


def test_a_hash_is_of_its_password_only_and_salted() -> None:
    passwords = Passwords(waiting=2)
    kept = passwords.hash(HORSE)
    assert passwords.check(HORSE, kept) == (True, None)
    assert passwords.check(STAPLE, kept) == (False, None)
    assert passwords.check(HORSE, None) == (False, None)
    assert passwords.check(HORSE, "no hash at all") == (False, None)
    assert passwords.hash(HORSE) != kept
    parameters = extract_parameters(kept)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19_456, 2, 1)


def test_a_hash_by_older_parameters_is_renewed_by_the_right_password_only() -> None:
    passwords, older = Passwords(waiting=2), CHEAP.hash(HORSE)
    assert passwords.check(STAPLE, older) == (False, None)
    is_right, renewed = passwords.check(HORSE, older)
    assert is_right
    assert renewed is not None
    assert not OWASP.check_needs_rehash(renewed)
    assert passwords.check(HORSE, renewed) == (True, None)


def test_a_sign_in_renews_the_hash_that_is_kept(app: Flask, owner: Owner) -> None:
    ann = make_known(app, "ann")
    older = CHEAP.hash(HORSE)
    owner("update builtin_auth.accounts set password_hash = %s", older)
    assert ann.log_in(STAPLE).status_code == 401
    assert owner("select password_hash from builtin_auth.accounts") == [(older,)]
    assert ann.log_in(HORSE).status_code == 200
    ((renewed,),) = owner("select password_hash from builtin_auth.accounts")
    assert str(renewed).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert ann.log_in(HORSE).status_code == 200


def test_of_many_at_once_a_few_are_hashed_some_wait_and_the_others_are_told_to_come_back() -> None:
    passwords, start = Passwords(waiting=3, at_once=1), threading.Barrier(8)

    def hash_one(n: int) -> bool:
        start.wait(30)
        try:
            return bool(passwords.hash(f"{HORSE} {n}"))
        except Unavailable:
            return False

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):  # on a busy machine the last may come when the first are done
            hashed = sum(pool.map(hash_one, range(8)))
            assert hashed >= 3
            if hashed < 8:
                break
    assert hashed < 8
    assert passwords.check(HORSE, passwords.hash(HORSE))[0]


def test_a_flood_of_logins_leaves_room_for_everybody_else(make_app: MakeApp) -> None:
    app = make_app(THREADS="2", CODES_PER_IP="1000")
    ann = make_known(app, "ann")
    done = threading.Event()

    def flood(n: int) -> set[int]:
        seen: set[int] = set()
        while not done.is_set():
            seen.add(Visitor(app, f"p{n}@example.org").log_in("wrong").status_code)
        return seen

    with ThreadPoolExecutor(8) as pool:
        floods = [pool.submit(flood, n) for n in range(8)]
        statuses = {ann.call("GET", "/auth/session").status_code for _ in range(20)}
        done.set()
        seen = set().union(*(one.result(60) for one in floods))
    assert statuses == {200}
    assert seen <= {401, 429, 503}
    assert ann.log_in(HORSE).status_code == 200


@pytest.mark.parametrize("waiting", [0, 1])
def test_a_process_with_few_threads_hashes_all_the_same(waiting: int) -> None:
    assert Passwords(waiting).hash(HORSE)
