"""The directory: everybody who signed in, without their addresses."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask

from tests.auth.providers import INDEPENDENT, builtin_only
from tests.auth.visitor import Visitor

pytestmark = builtin_only(INDEPENDENT)


@pytest.fixture(scope="module")
def ann(lasting_app: Flask) -> Visitor:
    return Visitor(lasting_app, "ann@example.org").sign_in()  # the first: an admin


@pytest.fixture(scope="module")
def ben(lasting_app: Flask, ann: Visitor) -> Visitor:
    assert ann.user["role"] == "admin"
    return Visitor(lasting_app, "ben@example.org").sign_in()


@pytest.fixture(scope="module")
def cho(lasting_app: Flask, ben: Visitor) -> Visitor:
    assert ben.user["role"] == "member"
    return Visitor(lasting_app, "cho.park@example.org").sign_in()


def names(answer: object) -> list[str]:
    assert isinstance(answer, dict)
    return [user["name"] for user in answer["users"]]


def test_people_are_found_by_part_of_a_name_or_a_whole_address(cho: Visitor) -> None:
    def found(query: str) -> list[str]:
        return names(cho.call("GET", "/users", query_string={"query": query}).get_json())

    assert found("") == ["Ann", "Ben", "Cho Park"]
    assert found("PAR") == ["Cho Park"]
    assert found("Ben@Example.org") == ["Ben"]
    assert found("ben@example") == []
    assert found("%") == []


def test_pages_follow_each_other_without_gap(cho: Visitor) -> None:
    first = cho.call("GET", "/users", query_string={"limit": 2}).get_json()
    second = cho.call("GET", "/users", query_string={"limit": 2, "cursor": first["next_cursor"]}).get_json()
    assert (names(first), names(second), second["next_cursor"]) == (["Ann", "Ben"], ["Cho Park"], None)


def test_only_oneself_and_admins_see_an_address(cho: Visitor, ben: Visitor, ann: Visitor) -> None:
    listed = cho.call("GET", "/users").get_json()["users"]
    assert all({"email", "role"}.isdisjoint(user) for user in listed)
    listed = ann.call("GET", "/users").get_json()["users"]
    assert [(user["email"], user["role"]) for user in listed] == [
        (ann.email, "admin"),
        (ben.email, "member"),
        (cho.email, "member"),
    ]
    path = f"/users/{ben.user['id']}"
    assert "email" not in cho.call("GET", path).get_json()
    assert ben.call("GET", path).get_json()["email"] == ben.email
    assert ann.call("GET", path).get_json()["email"] == ben.email


def test_nobody_is_not_there_and_a_stranger_is_not_let_in(cho: Visitor) -> None:
    """One seed showed what it had of people to whoever asked."""
    missing = cho.call("GET", f"/users/{uuid.uuid4()}")
    assert (missing.status_code, missing.get_json()["code"]) == (404, "user_not_found")
    assert cho.call("GET", "/users/cho").status_code == 404
    stranger = Visitor(cho.app, "")
    for path in ("/users", f"/users?query={cho.email}", f"/users/{cho.user['id']}", f"/users/{uuid.uuid4()}"):
        answer = stranger.call("GET", path)
        assert (answer.status_code, list(answer.get_json())) == (401, ["code", "message"])


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "00"},
        {"cursor": "5b312c325d"},
        {"query": "\x00"},
    ],
)
def test_nonsense_is_malformed(cho: Visitor, query: dict[str, object]) -> None:
    answer = cho.call("GET", "/users", query_string=query)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed")
