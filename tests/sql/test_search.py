"""search_messages on a real Postgres: what matches, what is shown of it, pages and access, indexed or not yet."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from shared.errors import DatabaseRefusal, Malformed
from tests.people import Known, item
from tests.sql.conftest import Room
from tests.sql.groups import Group


def search(room: Room, caller: Known, q: str, **changed: Any) -> dict[str, Any]:
    asked = {"conversation_id": None, "sender_id": None, "before_at": None, "page_limit": 20, "cursor": None, **changed}
    page: dict[str, Any] = room.database.call("search_messages", caller=caller.id, q=q, **asked)
    return page


def find(room: Room, caller: Known, q: str, **changed: Any) -> list[str]:
    return [match["message"]["content"] for match in search(room, caller, q, **changed)["matches"]]


def show(room: Room, caller: Known, q: str, **changed: Any) -> list[list[str]]:
    """What is highlighted in each match."""
    return [
        [match["message"]["content"][low:high] for low, high in match["highlights"]]
        for match in search(room, caller, q, **changed)["matches"]
    ]


def send(room: Room, sender: Known, *contents: str, to: str | None = None) -> list[dict[str, Any]]:
    messages = [item(sender, to or room.id, content) for content in contents]
    results = [room.database.call("send_messages", messages=[message])["results"][0] for message in messages]
    assert {result["status"] for result in results} <= {201}
    return [result["message"] for result in results]


def index(room: Room) -> None:
    for _ in range(1_000):
        if not room.database.call("index_messages", page_limit=3)["more"]:
            return
    raise AssertionError("indexing does not end")


@pytest.fixture(params=[True, False], ids=["indexed", "fresh"])
def indexed(request: pytest.FixtureRequest) -> bool:
    """What is said is found alike before and after the index has it."""
    found: bool = request.param
    return found


CONTENTS = {
    "every word has to be there": ("blue whale", "a blue whale", "a blue shark"),
    "a word matches as the beginning of one": ("wha", "two whales", "a narwhal"),
    "case does not matter": ("WHALE", "a Whale", "a wale"),
    "quoted words stand in a row": ('"blue whale"', "my blue whale!", "a whale, blue"),
    "quoted words are whole": ('"blue wha"', "blue wha", "blue whale"),
    "a quote that stays open ends with it": ('"blue whale', "a blue whale", "whale blue"),
    "typographic quotes are quotes": ("“blue whale”", "a blue whale", "whale blue"),
    "signs of tsquery are only signs": ("whale & ! | ( :* '", "a whale", "a shark"),
    "a backslash too": ("\\whale\\", "a whale", "a shark"),
    "the word not is a word": ("whale not", "whale or not", "whale"),
    "an address is found whole": ("ann@example.org", "write to ann@example.org.", "ann at home, see example.org"),
    "an address is found by a part of it": ("example", "write to ann@example.org", "write to ann@sample.org"),
    "a link is found by its path": ("pictures/whale", "https://a.example/pictures/whale?x=1", "a whale in pictures"),
    "numbers have points": ("3.14", "pi is 3.14159", "3 whales, 14 sharks"),
    "accents do not matter": ("cafe", "the Café", "the cage"),
    "nor how they are written": ("café", "the cafe\u0301", "the caf"),
    "Chinese is found anywhere": ("北京", "我们明天去北京玩", "京北"),
    "Japanese too": ("タワー", "東京タワーへ", "ワタート"),
    "Korean by the beginning": ("한국", "한국어", "국한"),
    "full-width letters are letters": ("abc", "ＡＢＣ", "ＡＢＤ"),
    "tags are text": ("script", "<script>alert(1)</script>", "<style>"),
    "entities are text": ("amp", "&amp;", "&lt;"),
    "words beside emoji are words": ("whale", "🐳whale🐳", "🐳"),
}


def test_what_matches_and_what_does_not(room: Room, indexed: bool) -> None:
    places = [Group(room.database, room.ann, [room.ben]).id for _ in CONTENTS]
    for place, (_, said, not_said) in zip(places, CONTENTS.values(), strict=True):
        send(room, room.ann, said, not_said, to=place)
    if indexed:
        index(room)
    found = {
        case: find(room, room.ben, q, conversation_id=place)
        for place, (case, (q, _, _)) in zip(places, CONTENTS.items(), strict=True)
    }
    assert found == {case: [said] for case, (_, said, _) in CONTENTS.items()}


def test_without_a_word_there_is_nothing_to_search_for(room: Room) -> None:
    for q in ("", " ", "!?", "&|!:*", '""', '"', "🐳", "\u200b", "¿¡"):
        with pytest.raises(DatabaseRefusal) as refusal:
            search(room, room.ann, q)
        assert (refusal.value.status, refusal.value.code) == (422, "malformed"), q
        assert refusal.value.data == {"fields": [{"field": "q", "problem": "has no word to search for"}]}


SHOWN = {
    "beginnings as whole words": ("wha", "Whales eat; a whale", ["Whales", "whale"]),
    "phrases in one, other places not": (
        '"blue whale"',
        "blue, whale blue whale, whale",
        ["blue, whale", "blue whale"],
    ),
    "addresses in one": ("ann@example.org", "ann: ann@example.org", ["ann@example.org"]),
    "characters in a row in one": ("北京", "去北京，北", ["北京"]),
    "what overlaps in one": ('"a b" "b c"', "a b c b", ["a b c"]),
    "accents as they were written": ("cafe", "cafe\u0301 ❤️ café 👩‍👩‍👧 CAFÉS", ["cafe\u0301", "café", "CAFÉS"]),
    "places behind emoji": ("whale", "🐳🐳 whale 👍🏽 whale", ["whale", "whale"]),
    "a letter that becomes two": ("fi", "ﬁne ½ fig", ["ﬁne", "fig"]),
    "right-to-left": ("שלום", "אמר שלום.", ["שלום"]),
}


def test_highlights_are_what_matched_in_code_points(room: Room) -> None:
    places = [Group(room.database, room.ann, [room.ben]).id for _ in SHOWN]
    for place, (_, said, _) in zip(places, SHOWN.values(), strict=True):
        send(room, room.ann, said, to=place)
    found = {
        case: show(room, room.ben, q, conversation_id=place)
        for place, (case, (q, _, _)) in zip(places, SHOWN.items(), strict=True)
    }
    assert found == {case: [shown] for case, (_, _, shown) in SHOWN.items()}


def test_the_longest_message_is_searched_to_its_end_and_a_very_long_word_is_none(room: Room, indexed: bool) -> None:
    send(room, room.ann, "whale " * 1_330 + "the end of it", "é" * 8_000)
    if indexed:
        index(room)
    assert show(room, room.ann, '"end of it"') == [["end of it"]]
    [match] = search(room, room.ann, "whale")["matches"]
    assert len(match["highlights"]) == 1_330
    assert find(room, room.ann, "é" * 200) == []


def test_pages_are_newest_first_without_gaps_over_all_conversations(room: Room) -> None:
    group = Group(room.database, room.ben, [room.cho])
    for number in range(9):
        send(room, room.ben, f"whale {number}", to=(room.id, group.id)[number % 2])
        if number in (2, 5):
            index(room)  # three that the index has, and three it has not

    def read(caller: Known, page_limit: int) -> list[str]:
        seen, cursor = [], None
        for _ in range(20):
            page = search(room, caller, "whale", page_limit=page_limit, cursor=cursor)
            assert len(page["matches"]) <= page_limit
            seen += [match["message"]["content"][-1] for match in page["matches"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return seen
        raise AssertionError("the pages do not end")

    for page_limit in (1, 2, 4, 9, 10):
        assert read(room.ben, page_limit) == list("876543210")
    assert read(room.ann, 2) == list("86420")
    assert read(room.cho, 3) == list("7531")


def test_messages_of_one_moment_are_found_once_each(room: Room) -> None:
    for _ in range(2):
        room.database.call("send_messages", messages=[item(room.ann, room.id, "whale") for _ in range(10)])
    index(room)
    seen, cursor = [], None
    for _ in range(7):
        page = search(room, room.ben, "whale", page_limit=3, cursor=cursor)
        seen += [match["message"]["id"] for match in page["matches"]]
        cursor = page["next_cursor"]
    assert (len(seen), len(set(seen)), cursor) == (20, 20, None)


def test_a_match_is_the_message_as_history_shows_it(room: Room) -> None:
    [sent] = send(room, room.ann, "a whale")
    assert search(room, room.ben, "whale")["matches"] == [{"message": sent, "highlights": [[2, 7]]}]


def test_nobody_finds_what_was_said_elsewhere_not_even_that_it_was(room: Room, indexed: bool) -> None:
    send(room, room.ann, "a secret whale")
    if indexed:
        index(room)
    assert find(room, room.ann, "whale") == find(room, room.ben, "whale") == ["a secret whale"]
    assert search(room, room.cho, "whale") == {"matches": [], "next_cursor": None}
    for place in (room.id, str(uuid4())):
        with pytest.raises(DatabaseRefusal) as refusal:
            search(room, room.cho, "whale", conversation_id=place)
        assert (refusal.value.status, refusal.value.code) == (404, "conversation_not_found")
    for marked in (f" in {room.id}", f"by {room.ann.id}", f'"in {room.id}"'):
        assert find(room, room.cho, marked) == []


def test_who_left_finds_nothing_and_who_came_finds_what_was_said_before(room: Room) -> None:
    group = Group(room.database, room.ann, [room.ben])
    group.send(room.ann, "an old whale")
    index(room)
    assert (find(room, room.ben, "whale"), find(room, room.cho, "whale")) == (["an old whale"], [])
    group.put(room.ann, room.cho)
    group.remove(room.ben, room.ben)
    assert (find(room, room.ben, "whale"), find(room, room.cho, "whale")) == ([], ["an old whale"])


def test_one_conversation_one_sender_and_before_a_moment(room: Room) -> None:
    group = Group(room.database, room.ann, [room.ben])
    first, second = send(room, room.ann, "whale one", "whale two")
    index(room)
    [third] = send(room, room.ben, "whale three")
    group.send(room.ben, "whale four")

    def found(**changed: Any) -> list[str]:
        return [content.split()[1] for content in find(room, room.ann, "whale", **changed)]

    assert found() == ["four", "three", "two", "one"]
    assert found(conversation_id=room.id) == ["three", "two", "one"]
    assert found(conversation_id=group.id) == ["four"]
    assert found(sender_id=room.ann.id) == ["two", "one"]
    assert found(sender_id=room.ben.id, conversation_id=room.id) == ["three"]
    assert found(sender_id=room.cho.id) == found(sender_id=uuid4()) == []
    assert found(before_at=third["created_at"]) == ["two", "one"]
    assert found(before_at=second["created_at"], page_limit=1) == ["one"]
    assert found(before_at=first["created_at"]) == []


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_an_edited_message_is_found_by_its_new_text_only_and_a_deleted_one_never(room: Room, when: str) -> None:
    edited, deleted = send(room, room.ann, "an old whale", "a dead whale")
    if when == "before":
        index(room)
    room.database.call("edit_message", caller=room.ann.id, message_id=edited["id"], content="a new shark")
    room.database.call("delete_message", caller=room.ann.id, message_id=deleted["id"])
    if when == "after":
        index(room)
    assert find(room, room.ben, "whale") == find(room, room.ben, "dead") == []
    assert find(room, room.ben, "shark") == ["a new shark"]
    room.database.call("edit_message", caller=room.ann.id, message_id=edited["id"], content="an old whale again")
    assert (find(room, room.ben, "whale"), find(room, room.ben, "shark")) == (["an old whale again"], [])


@pytest.mark.parametrize("pace", ["1 minute", "0"])
def test_old_and_rare_words_are_found_behind_thousands_of_others(room: Room, owner_url: str, pace: str) -> None:
    """Far more messages than are looked through one by one, said in days or all at one moment."""
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            """
            insert into messages (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, created_at)
            select gen_random_uuid(), %s, n, n, %s,
                   case when n %% 1000 = 7 then 'a blue whale ' else 'shark blue ' end
                   || case when n %% 140 = 3 then 'seal ' else '' end || n, '',
                   '2026-01-01'::timestamptz + n * %s::interval
            from generate_series(2, 6001) n
            """,
            [room.id, room.ann.id, pace],
        )
        owner.execute("update conversations set last_seq = 6001 where id = %s", [room.id])
    while room.database.call("index_messages", page_limit=5_000)["more"]:
        pass
    for q in ("whale", "wha blue", '"blue whale"'):
        found = find(room, room.ben, q)
        assert sorted(found) == sorted(f"a blue whale {n}" for n in (7, 1007, 2007, 3007, 4007, 5007))
        assert pace == "0" or found == sorted(found, key=lambda content: -int(content.split()[-1]))
    assert find(room, room.ben, '"whale blue"') == find(room, room.cho, "whale") == []
    assert find(room, room.ben, "whale", sender_id=room.ben.id) == []
    assert len(find(room, room.ben, "whale", sender_id=room.ann.id, conversation_id=room.id)) == 6
    assert len(find(room, room.ben, "shark", page_limit=50)) == 50
    # Now and then: what is left of a page is a little further back than that.
    seals = [int(content.split()[-1]) for content in find(room, room.ben, "seal", page_limit=20)]
    assert len(set(seals)) == 20
    assert all(n % 140 == 3 for n in seals)
    assert pace == "0" or seals == list(range(5883, 0, -140))[:20]


def test_whoever_has_no_account_is_refused_and_so_is_a_forged_cursor(room: Room) -> None:
    with pytest.raises(DatabaseRefusal) as refusal:
        search(room, Known(uuid4(), "Nobody", ""), "whale")
    assert refusal.value.code == "account_unknown"
    for cursor in ("5b312c325d", "nonsense"):
        with pytest.raises((DatabaseRefusal, Malformed)):
            search(room, room.ann, "whale", cursor=cursor)
