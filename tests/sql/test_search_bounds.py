"""No search and no batch of indexing takes long, however long the messages are and whatever is asked."""

from __future__ import annotations

import psycopg
import pytest

from services.chat.search.routes import SEARCH_SECONDS
from shared.database import TookTooLong
from shared.errors import DatabaseRefusal
from shared.supabase_database import SupabaseDatabase
from tests.people import item
from tests.sql.conftest import Room
from tests.sql.failing import held, kind_of

ASKED = {"conversation_id": None, "sender_id": None, "before_at": None, "page_limit": 20, "cursor": None}


def ask(room: Room, q: str, seconds: float | None = None) -> bytes:
    return room.database.read("search_messages", seconds, caller=room.ann.id, q=q, **ASKED)


def test_a_search_that_takes_too_long_is_given_up_and_the_next_one_is_not(
    room: Room, owner_url: str, request: pytest.FixtureRequest
) -> None:
    if isinstance(room.database, SupabaseDatabase):  # where the limit is the function's
        with psycopg.connect(owner_url) as owner:
            owner.execute("alter function public.search_messages set statement_timeout = '400ms'")
        request.getfixturevalue("project").postgrest.reload()
    with held(owner_url, "lock table public.message_words in access exclusive mode"):
        assert kind_of(lambda: ask(room, "whale", 0.4)) is TookTooLong
    assert b'"matches"' in ask(room, "whale", 5)


def test_a_limit_is_of_the_call_and_of_nothing_else(room: Room) -> None:
    assert b'"matches"' in ask(room, "whale", 5)
    with pytest.raises(DatabaseRefusal):  # is told as ever
        ask(room, "!", 5)
    for _ in range(8):  # beyond the number of calls after which psycopg prepares a statement
        assert b'"matches"' in ask(room, "whale", 5)
        assert b'"matches"' in ask(room, "whale")


def test_the_limit_of_a_search_is_the_same_for_whoever_calls(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        settings = owner.execute("select proconfig from pg_proc where proname = 'search_messages'").fetchall()
    assert [f"statement_timeout={SEARCH_SECONDS:.0f}s" in row[0] for row in settings] == [True]


def send(room: Room, *contents: str) -> None:
    for content in contents:
        [result] = room.database.call("send_messages", messages=[item(room.ann, room.id, content)])["results"]
        assert result["status"] == 201


def test_long_messages_are_indexed_a_few_at_a_time_and_none_is_left_out(room: Room, owner_url: str) -> None:
    long = "深" * 8_000  # 24,000 bytes
    send(room, "first", *[f"{n} {long}"[:8_000] for n in range(25)], "last")
    counted = []
    while True:
        answer = room.database.call("index_messages", page_limit=500)
        counted.append(answer["indexed"])
        if not answer["more"]:
            break
    assert sum(counted) == 27
    assert len(counted) == 2
    assert 500_000 / 24_000 < counted[0] < 24
    assert room.database.call("index_messages", page_limit=500) == {"indexed": 0, "more": False}
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("select count(*) from public.message_words").fetchone() == (27,)
    assert ask(room, '"first"').count(b'"highlights"') == ask(room, '"last"').count(b'"highlights"') == 1


def test_of_long_messages_that_are_not_indexed_the_newest_are_searched(room: Room) -> None:
    long = "深" * 7_990
    send(room, "whale first", *[f"{n} {long}" for n in range(25)], "whale last")
    assert ask(room, "whale").count(b'"highlights"') == 1
    while room.database.call("index_messages", page_limit=500)["more"]:
        pass
    assert ask(room, "whale").count(b'"highlights"') == 2


def test_a_letter_a_hundred_times_in_a_row_is_found_wherever_it_is(room: Room, owner_url: str) -> None:
    terms, text = '[{"words": [' + ", ".join(['"a"'] * 100) + '], "open": false}]', "a b " * 2_000
    with psycopg.connect(owner_url) as owner:
        found = owner.execute("select public.find_highlights(%s, %s)", [text, terms]).fetchall()[0][0]
        few = '[{"words": ["a", "b", "a"], "open": false}]'
        rows = owner.execute("select public.find_highlights(%s, %s)", [text, few]).fetchall()[0][0]
    assert found == [[place, place + 1] for place in range(0, 8_000, 4)]
    assert rows == [[0, 7_997]]
    send(room, "a " * 4_000)
    assert ask(room, '"' + "a " * 100 + '"', 5).count(b'"highlights"') == 1
