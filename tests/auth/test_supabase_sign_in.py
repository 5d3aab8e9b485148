"""Signing in at a Supabase project by link and by code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.auth.supabase_world import World, link_of, open_world
from tests.conftest import Database


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with open_world(database) as world:
        yield world


def test_a_link_signs_in_once_the_first_time_and_later(world: World) -> None:
    ann = world.person("ann")
    first = ann.ask_for_link()
    ann.keep(ann.use(first))
    assert (ann.user["name"], ann.user["role"], ann.user["email"]) == ("Ann", "admin", "ann@example.org")
    assert ann.use(first).get_json()["code"] == "link_expired"
    again = world.person("ann").enter()
    assert again.user["id"] == ann.user["id"]
    assert world.person("ben").enter().user["role"] == "member"
    assert ann.call("GET", "/auth/session").status_code == 200


def test_a_code_signs_in(world: World) -> None:
    ann = world.person("ann")
    code = ann.ask_for_link().code
    assert len(code) == 6
    ann.keep(ann.confirm(email=ann.email, code=f"{code[:3]} {code[3:]}"))
    assert ann.confirm(email=ann.email, code=code).status_code == 403


def test_the_page_tells_whose_link_it_is_and_consumes_nothing(world: World) -> None:
    ann = world.person("ann")
    query = link_of(ann.ask_for_link(redirect_to="http://localhost:3000/chat/7"))
    for _ in range(2):
        page = ann.call("GET", "/auth/confirm", query_string=query)
        assert page.status_code == 200
        text = page.get_data(as_text=True)
        assert "Sign in as a***@example.org" in text
        assert ann.email not in text
    answer = ann.call("POST", "/auth/confirm", data=query, headers={"Origin": world.auth_url})
    assert (answer.status_code, answer.headers["Location"]) == (303, "http://localhost:3000/chat/7")
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(cookie.startswith("pulse_access=") and "Max-Age=3" in cookie for cookie in cookies)
