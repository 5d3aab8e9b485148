"""People and revocations on a real Postgres."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from shared.database import Database
from shared.errors import DatabaseRefusal, Malformed
from tests.people import add_person
from tests.sql.conftest import Room


def test_a_person_is_made_once_and_sees_their_own_email(database_port: Database) -> None:
    ann = add_person(database_port, "Ann")
    again = database_port.call("ensure_user", user_id=ann.id, email="else@example.org", name="Else", is_admin=True)
    assert (again["name"], again["email"], again["role"]) == ("Ann", "ann@example.org", "member")


def test_an_address_belongs_to_one_live_person(database_port: Database) -> None:
    add_person(database_port, "Ann")
    with pytest.raises(DatabaseRefusal) as refused:
        database_port.call("ensure_user", user_id=uuid4(), email="ANN@example.org", name="Other", is_admin=False)
    assert (refused.value.status, refused.value.code) == (409, "email_taken")


def test_the_directory_finds_by_name_or_whole_email_and_shows_no_email(room: Room) -> None:
    def names(query: str) -> list[str]:
        page = room.database.call("list_users", caller=room.cho.id, query=query, page_limit=9, cursor=None)
        assert all("email" not in user for user in page["users"])
        return [user["name"] for user in page["users"]]

    assert names("") == ["Ann", "Ben", "Cho"]
    assert names("nn") == ["Ann"]
    assert names("BEN@example.org") == ["Ben"]
    assert names("ben@example") == names("%") == []


def test_the_directory_pages_by_name(room: Room) -> None:
    first = room.database.call("list_users", caller=room.ann.id, query=None, page_limit=2, cursor=None)
    second = room.database.call("list_users", caller=room.ann.id, query=None, page_limit=2, cursor=first["next_cursor"])
    assert [[user["name"] for user in page["users"]] for page in (first, second)] == [["Ann", "Ben"], ["Cho"]]


def test_only_self_and_admins_see_an_email(room: Room, owner_url: str) -> None:
    seen = room.database.call("get_user", caller=room.ann.id, user_id=room.ben.id)
    own = room.database.call("get_user", caller=room.ben.id, user_id=room.ben.id)
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where id = %s", [room.ann.id])
    by_admin = room.database.call("get_user", caller=room.ann.id, user_id=room.ben.id)
    assert "email" not in seen
    assert own["email"] == by_admin["email"] == "ben@example.org"


def test_a_deleted_person_is_shown_without_name_and_email(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set deleted_at = now(), email = null where id = %s", [room.ben.id])
    seen = room.database.call("get_user", caller=room.ann.id, user_id=room.ben.id)
    assert (seen["name"], "email" in seen) == ("Deleted user", False)
    assert seen["deleted_at"] is not None


def test_revocations_are_read_from_a_position_and_none_is_skipped(database_port: Database) -> None:
    expires = datetime.now(UTC) + timedelta(minutes=10)

    def revoke(n: int) -> None:
        database_port.call("revoke_session", session_id=f"s{n}", expires_at=expires)

    found: list[str] = []
    position = 0
    with ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(revoke, n) for n in range(60)]
        while not all(one.done() for one in writing) or len(found) < 60:
            page = database_port.call("list_revocations", after_position=position)
            found += [row["session_id"] for row in page["revocations"]]
            position = page["position"]
            assert all(one.exception() is None for one in writing if one.done())
    assert sorted(found) == sorted(f"s{n}" for n in range(60))


def test_a_revocation_ends_with_the_tokens_it_ends(database_port: Database) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    database_port.call("revoke_user", user_id=uuid4(), expires_at=past)
    assert database_port.call("list_revocations", after_position=0)["revocations"] == []


def test_a_value_postgres_can_not_read_is_malformed_not_a_bug(room: Room) -> None:
    for function, arguments in (
        ("list_users", {"query": "a\x00b", "page_limit": 1, "cursor": None}),
        ("list_users", {"query": None, "page_limit": 1, "cursor": "5b2261222c2262225d"}),
        ("list_users", {"query": "\ud800", "page_limit": 1, "cursor": None}),
    ):
        with pytest.raises(Malformed):
            room.database.call(function, caller=room.ann.id, **arguments)


@pytest.mark.parametrize("forged", [[1, 2], [None, None], ["a", None], ["a", 7], ["a", "b"], {}, ["a"], "a"], ids=str)
def test_a_forged_cursor_is_malformed_also_where_nobody_would_be_listed(room: Room, forged: object) -> None:
    cursor = json.dumps(forged).encode().hex()
    for query in (None, "Ann", "nobody at all"):
        asked = {"caller": room.ann.id, "query": query, "page_limit": 5, "cursor": cursor}
        with pytest.raises((Malformed, DatabaseRefusal)) as refused:
            room.database.call("list_users", **asked)
        assert (refused.value.status, refused.value.code) == (422, "malformed")
