"""Groups on a real Postgres, through both adapters: who may do what, and what the log says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from shared.database import Database
from shared.errors import DatabaseRefusal
from tests.people import Known, add_person
from tests.sql.groups import Group

NOBODY = Known(UUID("00000000-0000-4000-8000-000000000000"), "nobody", "")


@pytest.fixture
def people(database_port: Database) -> list[Known]:
    """ann owns the group, ben is in it, cho is outside, and so is dee."""
    return [add_person(database_port, name) for name in ("Ann", "Ben", "Cho", "Dee")]


@pytest.fixture
def group(database_port: Database, people: list[Known]) -> Group:
    return Group(database_port, people[0], people[1:2])


def refused(function: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(DatabaseRefusal) as refusal:
        function(*arguments, **named)
    return refusal.value.status, refusal.value.code


def events(deliveries: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(delivery["event"], delivery["data"]["seq"]) for delivery in deliveries]


def test_whoever_makes_a_group_owns_it_and_everybody_hears_of_it(group: Group, people: list[Known]) -> None:
    ann, ben, *_ = people
    made = group.opened["conversation"]
    assert (made["id"], made["kind"], made["name"], made["member_count"]) == (group.id, "group", "friends", 2)
    assert (made["owner_ids"], made["last_seq"], made["last_read_seq"], made["unread"]) == ([str(ann.id)], 1, 1, 0)
    assert [user["name"] for user in made["members"]] == ["Ann", "Ben"]
    assert made["peer"] is None
    [told] = group.opened["deliveries"]
    assert (told["event"], set(told["to"])) == ("conversation.created", {str(ann.id), str(ben.id)})
    assert "last_read_seq" not in told["data"]["conversation"]
    assert group.look(ben) == {**made, "last_read_seq": 1}
    assert group.log(ben) == [(1, "conversation.created")]


def test_a_group_may_have_its_creator_alone_and_names_nobody_twice(
    database_port: Database, people: list[Known]
) -> None:
    ann, ben, *_ = people
    alone, doubled = Group(database_port, ann, []), Group(database_port, ann, [ben, ann, ben])
    assert alone.look(ann)["member_count"] == 1
    assert [user["name"] for user in doubled.look(ann)["members"]] == ["Ann", "Ben"]


def test_a_repeat_is_the_same_group_and_another_request_or_caller_is_refused(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    group.call("rename_group", ann, name="best friends")
    again = group.open(ann, [ben])
    assert (again["created"], again["deliveries"], again["conversation"]["name"]) == (False, [], "best friends")
    taken = (409, "conversation_id_taken")
    assert refused(group.open, ann, [ben], "enemies") == taken
    assert refused(group.open, ann, [ben, cho]) == taken
    assert refused(group.open, ben, [ann]) == taken
    direct = group.database.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]
    assert refused(group.open, ann, [ben], conversation_id=direct) == taken
    group.remove(ann, ann)
    assert refused(group.open, ann, [ben]) == (404, "conversation_not_found")


def test_people_who_are_not_there_are_named_and_no_group_is_made(
    database_port: Database, people: list[Known], owner_url: str
) -> None:
    ann, ben, cho, _ = people
    database_port.call("delete_user", caller=cho.id, user_id=cho.id)
    with pytest.raises(DatabaseRefusal) as refusal:
        Group(database_port, ann, [ben, cho, NOBODY])
    assert (refusal.value.status, refusal.value.code) == (404, "user_not_found")
    assert set(refusal.value.data["user_ids"]) == {str(cho.id), str(NOBODY.id)}
    assert refused(Group, database_port, cho, [ann]) == (401, "account_unknown")
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("select count(*) from conversations").fetchone() == (0,)


def test_an_owner_renames_and_the_same_name_is_no_change(group: Group, people: list[Known]) -> None:
    ann, ben, *_ = people
    renamed = group.call("rename_group", ann, name="best friends")
    assert renamed["conversation"] == {**group.opened["conversation"], "name": "best friends", "last_seq": 2}
    [told] = renamed["deliveries"]
    assert (told["event"], told["data"]["seq"], set(told["to"])) == (
        "conversation.changed",
        2,
        {str(ann.id), str(ben.id)},
    )
    assert told["data"]["conversation"]["name"] == "best friends"
    assert group.call("rename_group", ann, name="best friends")["deliveries"] == []
    assert group.log(ann) == [(1, "conversation.created"), (2, "conversation.changed")]


def test_a_new_member_sees_the_whole_history_and_nothing_of_it_is_unread(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    said = group.send(ann)["message"]
    put = group.put(ann, cho)
    assert put["member"]["user"]["name"] == "Cho"
    assert (put["member"]["role"], put["member"]["last_read_seq"]) == ("member", 3)
    [told] = put["deliveries"]
    assert (told["event"], set(told["to"])) == ("member.joined", {str(one.id) for one in (ann, ben, cho)})
    assert told["data"] == {
        "conversation_id": group.id,
        "seq": 3,
        "user": put["member"]["user"],
        "member_count": 3,
    }
    page = group.call("list_history", cho, peer=None, before_seq=None, after_seq=None, page_limit=9)
    assert page["messages"] == [said]
    assert (group.look(cho)["unread"], group.look(cho)["last_read_seq"]) == (0, 3)
    assert group.send(cho)["status"] == 201
    assert group.put(ann, cho)["deliveries"] == []
    assert group.put(ann, cho)["member"] == put["member"]


def test_whoever_left_hears_of_it_and_finds_nothing_any_more(group: Group, people: list[Known]) -> None:
    ann, ben, *_ = people
    message = group.send(ann)["message"]
    [told] = group.remove(ben, ben)
    assert (told["event"], set(told["to"])) == ("member.left", {str(ann.id), str(ben.id)})
    assert (told["data"]["user"]["name"], told["data"]["member_count"]) == ("Ben", 1)
    gone = (404, "conversation_not_found")
    page = {"page_limit": 9, "cursor": None}
    assert refused(group.look, ben) == gone
    assert refused(group.log, ben) == gone
    assert refused(group.call, "list_members", ben, **page) == gone
    assert refused(group.call, "mark_read", ben, read_seq=1) == gone
    assert refused(group.call, "rename_group", ben, name="mine") == gone
    assert refused(group.put, ben, ben) == gone
    assert refused(group.remove, ben, ben) == gone
    read = {"peer": None, "before_seq": None, "after_seq": None, "page_limit": 9}
    assert refused(group.call, "list_history", ben, **read) == gone
    assert refused(group.database.call, "get_message", caller=ben.id, message_id=message["id"]) == (
        404,
        "message_not_found",
    )
    assert group.send(ben) == {"status": 404, "code": "conversation_not_found"}
    assert group.database.call("list_conversations", caller=ben.id, **page)["conversations"] == []
    assert group.database.call("list_messages", caller=ben.id, **page)["messages"] == []
    assert [one["user"]["name"] for one in group.call("list_members", ann, **page)["members"]] == ["Ann"]


def test_an_owner_takes_others_out_and_doing_so_twice_is_once(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    assert events(group.remove(ann, ben)) == [("member.left", 2)]
    assert group.remove(ann, ben) == group.remove(ann, cho) == []
    assert group.log(ann) == [(1, "conversation.created"), (2, "member.left")]
    group.put(ann, ben)
    assert group.look(ben)["last_read_seq"] == 3


def test_members_who_own_nothing_change_nothing_and_outsiders_find_nothing(group: Group, people: list[Known]) -> None:
    ann, ben, cho, dee = people
    for caller, refusal in ((ben, (403, "not_allowed")), (cho, (404, "conversation_not_found"))):
        assert refused(group.call, "rename_group", caller, name="mine") == refusal
        assert refused(group.put, caller, dee) == refusal
        assert refused(group.put, caller, caller, "owner") == refusal
        assert refused(group.remove, caller, ann) == refusal
        assert refused(group.remove, caller, dee) == refusal
    assert refused(group.remove, cho, cho) == (404, "conversation_not_found")
    assert refused(group.put, NOBODY, cho) == (401, "account_unknown")
    assert group.log(ann) == [(1, "conversation.created")]


def test_owners_make_owners(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    assert events(group.put(ann, ben, "owner")["deliveries"]) == [("conversation.changed", 2)]
    assert group.owners(ann) == [str(ann.id), str(ben.id)]
    put = group.put(ben, cho, "owner")
    assert events(put["deliveries"]) == [("member.joined", 3), ("conversation.changed", 4)]
    assert put["member"]["role"] == "owner"
    assert group.put(ben, ann, "member")["member"]["role"] == "member"
    assert refused(group.put, ann, ann, "owner") == (403, "not_allowed")
    assert group.put(cho, cho)["member"]["role"] == "owner"  # nothing is said of the role
    assert group.put(cho, cho, "owner")["deliveries"] == []
    assert group.log(ann)[-1] == (5, "conversation.changed")


def test_a_group_with_members_is_never_without_an_owner(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    assert refused(group.put, ann, ann, "member") == (409, "last_owner")
    group.put(ann, cho)
    left = group.remove(ann, ann)
    assert events(left) == [("member.left", 3), ("conversation.changed", 4)]
    assert left[1]["data"]["conversation"]["owner_ids"] == [str(ben.id)]
    assert set(left[1]["to"]) == {str(ben.id), str(cho.id)}
    assert events(group.remove(ben, cho)) == [("member.left", 5)]


def test_when_the_last_member_leaves_the_group_stays_with_nobody_in_it(
    group: Group, people: list[Known], owner_url: str
) -> None:
    ann, ben, *_ = people
    group.remove(ann, ben)
    [told] = group.remove(ann, ann)
    assert (told["to"], told["data"]["member_count"]) == ([str(ann.id)], 0)
    with psycopg.connect(owner_url) as owner:
        kept = owner.execute("select member_count, last_seq from conversations where id = %s", [group.id]).fetchone()
    assert kept == (0, 3)


def test_nobody_who_is_not_there_joins(group: Group, people: list[Known]) -> None:
    ann, _, cho, _ = people
    group.database.call("delete_user", caller=cho.id, user_id=cho.id)
    for person in (cho, NOBODY):
        with pytest.raises(DatabaseRefusal) as refusal:
            group.put(ann, person)
        assert (refusal.value.status, refusal.value.code) == (404, "user_not_found")
        assert refusal.value.data == {"user_ids": [str(person.id)]}


def test_a_conversation_of_two_is_not_renamed_joined_or_left(group: Group, people: list[Known]) -> None:
    ann, ben, cho, _ = people
    group.id = group.database.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]
    direct, nothing = (409, "direct_conversation"), (404, "conversation_not_found")
    for caller, refusal in ((ann, direct), (cho, nothing)):
        assert refused(group.call, "rename_group", caller, name="us") == refusal
        assert refused(group.put, caller, cho) == refusal
        assert refused(group.remove, caller, caller) == refusal
    assert group.log(ann) == [(1, "conversation.created")]


def test_a_group_has_at_most_5000_members(group: Group, people: list[Known], owner_url: str) -> None:
    ann, _, cho, dee = people
    with psycopg.connect(owner_url) as owner:
        owner.execute("update conversations set member_count = 4999 where id = %s", [group.id])
    assert group.put(ann, cho)["deliveries"][0]["data"]["member_count"] == 5_000
    assert refused(group.put, ann, dee) == (409, "group_full")
    group.remove(cho, cho)
    assert group.put(ann, dee)["member"]["role"] == "member"
    too_many = [Known(uuid4(), "", "") for _ in range(5_000)]
    assert refused(Group, group.database, ann, too_many) == (409, "group_full")


def test_a_deleted_person_leaves_every_group_and_what_they_wrote_stays(
    group: Group, people: list[Known], owner_url: str
) -> None:
    ann, ben, cho, _ = people
    hers, his = Group(group.database, ann, [ben, cho]), Group(group.database, cho, [ann])
    said = hers.send(ann)["message"]
    group.database.call("take_outbox", page_limit=100)
    with psycopg.connect(owner_url) as owner:
        owner.execute("delete from outbox")

    group.database.call("delete_user", caller=ann.id, user_id=ann.id)

    assert hers.log(ben) == [
        (1, "conversation.created"),
        (2, "message.sent"),
        (3, "member.left"),
        (4, "conversation.changed"),
    ]
    assert (hers.owners(cho), hers.look(cho)["member_count"]) == ([str(ben.id)], 2)
    assert group.owners(ben) == [str(ben.id)]
    assert (his.owners(cho), his.look(cho)["member_count"]) == ([str(cho.id)], 1)
    read = {"peer": None, "before_seq": None, "after_seq": None, "page_limit": 9}
    assert hers.call("list_history", ben, **read)["messages"] == [said]
    told = group.database.call("take_outbox", page_limit=100)
    left = {row["data"]["conversation_id"]: row for row in told if row["event"] == "member.left"}
    assert set(left) == {group.id, hers.id, his.id}
    assert left[hers.id]["data"]["user"]["name"] == "Deleted user"
    assert set(left[hers.id]["to"]) == {str(one.id) for one in (ann, ben, cho)}
    assert len([row for row in told if row["event"] == "conversation.changed"]) == 2
