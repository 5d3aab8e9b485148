"""People made, renamed and deleted on a real Postgres: access inside the functions, and who hears of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.database import Database
from shared.errors import DatabaseRefusal
from tests.people import Known, add_person, item
from tests.sql.conftest import Room


@pytest.fixture(autouse=True)
def ann_is_admin(room: Room, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where id = %s", [room.ann.id])
        owner.execute("delete from outbox")


def refusal(database: Database, function: str, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(DatabaseRefusal) as refused:
        database.call(function, **arguments)
    return refused.value.status, refused.value.code


def make(room: Room, caller: Known, email: str, user_id: UUID | None = None, **changed: Any) -> Any:
    arguments = {"user_id": user_id or uuid4(), "email": email, "name": "Dee", "is_admin": False, **changed}
    return room.database.call("create_user", caller=caller.id, **arguments)


def told(room: Room) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = room.database.call("take_outbox", page_limit=100)
    room.database.call("finish_outbox", ids=[row["id"] for row in rows])
    return rows


def test_an_admin_makes_a_person_and_a_member_does_not(room: Room) -> None:
    user_id = uuid4()
    made = make(room, room.ann, "Dee@example.org", user_id)
    assert (made["id"], made["name"], made["email"], made["role"]) == (str(user_id), "Dee", "dee@example.org", "member")
    assert make(room, room.ann, "eve@example.org", is_admin=True)["role"] == "admin"
    arguments = {"user_id": uuid4(), "email": "fay@example.org", "name": "Fay", "is_admin": False}
    assert refusal(room.database, "create_user", caller=room.ben.id, **arguments) == (403, "not_allowed")
    assert refusal(room.database, "create_user", caller=uuid4(), **arguments) == (401, "account_unknown")


def test_an_address_is_free_until_somebody_has_it(room: Room) -> None:
    asked = {"caller": room.ann.id, "email": "DEE@example.org"}
    assert room.database.call("check_new_user", **asked) == {"email_free": True}
    assert refusal(room.database, "check_new_user", **{**asked, "caller": room.ben.id}) == (403, "not_allowed")
    user_id = uuid4()
    make(room, room.ann, "dee@example.org", user_id)
    assert refusal(room.database, "check_new_user", **asked) == (409, "email_taken")
    again = {"caller": room.ann.id, "email": "dee@example.org", "name": "Dee", "is_admin": False}
    for taken in (uuid4(), user_id):
        assert refusal(room.database, "create_user", user_id=taken, **again) == (409, "email_taken")


def test_a_name_is_changed_by_its_owner_or_an_admin_and_by_nobody_else(room: Room) -> None:
    def rename(caller: UUID, name: str) -> Any:
        return room.database.call("update_user", caller=caller, user_id=room.ben.id, changes={"name": name})

    assert rename(room.ben.id, "Benjamin")["name"] == "Benjamin"
    assert rename(room.ann.id, "Ben B")["name"] == "Ben B"
    refused = {"user_id": room.ben.id, "changes": {"name": "Mallory"}}
    assert refusal(room.database, "update_user", caller=room.cho.id, **refused) == (403, "not_allowed")
    assert refusal(room.database, "update_user", caller=uuid4(), **refused) == (401, "account_unknown")
    missing = {"user_id": uuid4(), "changes": {"name": "Nobody"}}
    for caller in (room.ann.id, room.cho.id):
        assert refusal(room.database, "update_user", caller=caller, **missing) == (404, "user_not_found")
    seen = room.database.call("get_user", caller=room.cho.id, user_id=room.ben.id)
    assert (seen["name"], "email" in seen) == ("Ben B", False)


def test_a_new_name_is_told_to_those_who_share_a_conversation_and_to_ones_own_devices(room: Room) -> None:
    room.database.call("update_user", caller=room.ben.id, user_id=room.ben.id, changes={"name": "Benjamin"})
    [event] = told(room)
    assert (event["event"], event["data"]["user"]["name"]) == ("user.changed", "Benjamin")
    assert sorted(event["to"]) == sorted([str(room.ann.id), str(room.ben.id)])
    assert "email" not in event["data"]["user"]
    for unchanged in ({}, {"name": "Benjamin"}, {"avatar_url": None}):
        room.database.call("update_user", caller=room.ben.id, user_id=room.ben.id, changes=unchanged)
    assert told(room) == []


def test_somebody_deleted_is_a_tombstone_and_the_conversation_stays_whole(room: Room) -> None:
    [sent] = room.database.call("send_messages", messages=[item(room.ben, room.id)])["results"]
    told(room)
    assert room.database.call("delete_user", caller=room.ben.id, user_id=room.ben.id) == {"deleted": True}
    seen = room.database.call("get_user", caller=room.ann.id, user_id=room.ben.id)
    assert (seen["name"], seen["email"], seen["avatar_url"]) == ("Deleted user", None, None)
    assert seen["deleted_at"] is not None
    [row] = room.database.call("list_conversations", caller=room.ann.id, page_limit=9, cursor=None)["conversations"]
    assert (row["peer"]["name"], row["member_count"]) == ("Deleted user", 2)
    history = room.database.call(
        "list_history",
        caller=room.ann.id, conversation_id=None, peer=room.ben.id, before_seq=None, after_seq=None, page_limit=9,
    )  # fmt: skip
    assert history["messages"] == [sent["message"]]
    names = [m["user"]["name"] for m in list_members(room)]
    assert names == ["Ann", "Deleted user"]
    page = room.database.call("list_users", caller=room.cho.id, query=None, page_limit=9, cursor=None)
    assert [user["name"] for user in page["users"]] == ["Ann", "Cho"]


def list_members(room: Room) -> Any:
    return room.database.call("list_members", caller=room.ann.id, conversation_id=room.id, page_limit=9, cursor=None)[
        "members"
    ]


def test_a_deletion_is_told_and_revoked_in_its_own_transaction(room: Room) -> None:
    room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id)
    [event] = told(room)
    assert event["data"]["user"]["name"] == "Deleted user"
    assert str(room.ann.id) in event["to"]
    [revocation] = room.database.call("list_revocations", after_position=0)["revocations"]
    assert revocation["user_id"] == str(room.ben.id)
    left = datetime.fromisoformat(revocation["expires_at"]) - datetime.now(UTC)
    assert left.days == 7  # and more: longer than a token of Supabase's may live
    assert room.database.call("list_account_removals", page_limit=9) == {"user_ids": [str(room.ben.id)]}


def test_only_oneself_and_admins_delete(room: Room) -> None:
    asked = {"user_id": room.ben.id}
    assert refusal(room.database, "delete_user", caller=room.cho.id, **asked) == (403, "not_allowed")
    assert refusal(room.database, "delete_user", caller=uuid4(), **asked) == (401, "account_unknown")
    for caller in (room.ann.id, room.cho.id):
        assert refusal(room.database, "delete_user", caller=caller, user_id=uuid4()) == (404, "user_not_found")
    assert room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id) == {"deleted": True}
    assert room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id) == {"deleted": False}
    assert refusal(room.database, "delete_user", caller=room.cho.id, **asked) == (403, "not_allowed")
    assert refusal(room.database, "delete_user", caller=room.ben.id, **asked) == (401, "account_unknown")
    gone = {"user_id": room.ben.id, "changes": {"name": "Ben"}}
    assert refusal(room.database, "update_user", caller=room.ann.id, **gone) == (404, "user_not_found")
    assert len(told(room)) == 1


def test_the_last_admin_stays(room: Room, owner_url: str) -> None:
    itself = {"caller": room.ann.id, "user_id": room.ann.id}
    assert refusal(room.database, "delete_user", **itself) == (409, "last_admin")
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where id = %s", [room.cho.id])
    assert room.database.call("delete_user", **itself) == {"deleted": True}
    last = {"caller": room.cho.id, "user_id": room.cho.id}
    assert refusal(room.database, "delete_user", **last) == (409, "last_admin")


def test_of_admins_who_delete_each_other_at_the_same_moment_one_stays(room: Room, owner_url: str) -> None:
    admins = [room.ann, *(add_person(room.database, f"Admin{n}") for n in range(5))]
    with psycopg.connect(owner_url) as owner:
        owner.execute("update users set role = 'admin' where name like 'Admin%'")

    def delete_next(n: int) -> str:
        try:
            room.database.call("delete_user", caller=admins[n].id, user_id=admins[(n + 1) % len(admins)].id)
        except DatabaseRefusal as refused:
            return refused.code
        return "deleted"

    with ThreadPoolExecutor(len(admins)) as pool:
        outcomes = list(pool.map(delete_next, range(len(admins))))
    with psycopg.connect(owner_url) as owner:
        left = owner.execute("select count(*) from users where role = 'admin' and deleted_at is null").fetchone()
    assert left is not None
    assert left[0] == len(admins) - outcomes.count("deleted") >= 1
    assert set(outcomes) <= {"deleted", "account_unknown", "last_admin"}


def test_an_id_never_revives_and_its_address_may_come_back(room: Room) -> None:
    room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id)
    assert make(room, room.ann, room.ben.email, room.ben.id) is None
    ensured = {"user_id": room.ben.id, "email": room.ben.email, "name": "Ben", "is_admin": False}
    assert refusal(room.database, "ensure_user", **ensured) == (401, "account_unknown")
    assert make(room, room.ann, room.ben.email)["id"] != str(room.ben.id)


def test_a_removal_is_done_once_and_revokes_what_came_in_between(room: Room) -> None:
    room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id)
    finish = {"user_id": room.ben.id}
    assert room.database.call("finish_account_removal", **finish) == {"finished": True}
    assert room.database.call("finish_account_removal", **finish) == {"finished": False}
    assert room.database.call("list_account_removals", page_limit=9) == {"user_ids": []}
    revoked = room.database.call("list_revocations", after_position=0)["revocations"]
    assert [row["user_id"] for row in revoked] == [str(room.ben.id)] * 2


def test_nobody_writes_to_somebody_deleted(room: Room) -> None:
    before = item(room.ann, room.id)
    room.database.call("send_messages", messages=[before])
    room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id)
    other = room.database.call("open_direct", caller=room.ann.id, recipient=str(room.cho.id))["conversation_id"]
    again, fresh, elsewhere, gone = room.database.call(
        "send_messages",
        messages=[before, item(room.ann, room.id), item(room.ann, other), item(room.ben, room.id)],
    )["results"]
    assert again["status"] == 200
    assert fresh == {"status": 404, "code": "user_not_found"}
    assert elsewhere["status"] == 201
    assert gone == {"status": 401, "code": "account_unknown"}
    for recipient in (str(room.ben.id), room.ben.email):
        opened = {"caller": room.cho.id, "recipient": recipient}
        assert refusal(room.database, "open_direct", **opened) == (404, "user_not_found")


def test_others_hear_that_somebody_deleted_went_and_not_when(room: Room) -> None:
    def report(online: bool) -> Any:
        at = datetime.now(UTC).isoformat()
        changes = [{"user_id": str(room.ben.id), "online": online, "at": at}]
        return room.database.call("record_presence", changes=changes)

    [came] = report(True)
    assert came["data"]["last_seen"] is not None
    room.database.call("delete_user", caller=room.ann.id, user_id=room.ben.id)
    assert report(True) == []
    gone = {"user_id": str(room.ben.id), "online": False, "last_seen": None}
    assert report(False) == [{"to": [str(room.ann.id)], "data": gone}]
    known = room.database.call("list_presence", caller=room.ann.id, ids=[str(room.ben.id)])
    assert known == [{"user_id": str(room.ben.id), "last_seen": None}]
