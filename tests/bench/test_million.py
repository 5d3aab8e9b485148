"""What is written past the functions is what they would have written: asked through the functions themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from bench.client import Request
from bench.filling import fill, fill_seed
from bench.million import World, describe
from bench.peers.seed import SCHEMA
from bench.reading import history_questions, search_questions
from bench.rows import Conversation, Rows, Shape
from bench.words import Writer, make_word, vocabulary
from ops.postgres import Cluster
from services.chat.messages.schemas import SendRequest
from services.chat.messages.sending import hash_request
from shared.errors import DatabaseRefusal
from shared.postgres_database import PostgresDatabase
from tests.chat.conftest import ChatApp, running_app
from tests.conftest import Database

SHAPE = Shape(messages=1_000, people=60, conversations=20, busiest=8, largest_members=10)


@pytest.fixture(scope="module")
def rows(file_database: Database) -> Rows:
    rows = Rows(SHAPE)
    fill(file_database.owner_url, rows)
    return rows


@pytest.fixture(scope="module")
def world(rows: Rows) -> World:
    return describe(Path(), rows)


@pytest.fixture(scope="module")
def port(file_database: Database, rows: Rows) -> Iterator[PostgresDatabase]:
    port = PostgresDatabase(file_database.url)
    yield port
    port.close()


def read_history(port: PostgresDatabase, talk: Conversation) -> list[dict[str, Any]]:
    """All of it, ascending."""
    found: list[dict[str, Any]] = []
    while True:
        page = port.call(
            "list_history",
            caller=talk.members[0],
            conversation_id=talk.id,
            peer=None,
            before_seq=found[0]["seq"] if found else None,
            after_seq=None,
            page_limit=200,
        )
        found = page["messages"] + found
        if not page["has_more"]:
            assert page["last_seq"] == talk.seq
            return found


def read_changes(port: PostgresDatabase, talk: Conversation, after: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["seq"] < talk.seq:
        page = port.call(
            "list_changes",
            caller=talk.members[0],
            conversation_id=talk.id,
            after_seq=found[-1]["seq"] if found else after,
            page_limit=200,
        )
        assert page["events"], page
        found += page["events"]
    return found


def test_words_are_the_same_each_time_and_other_ones_for_another_seed() -> None:
    first, same, other = ([Writer(seed).write() for _ in range(2)] for seed in (1, 1, 2))
    assert first == same != other


def test_no_two_ranks_are_the_same_word() -> None:
    words = vocabulary()[1:]
    assert (len(set(words)), words[0], make_word(101)) == (200_000, "ta", "tata")


def test_few_words_are_frequent_and_most_are_rare() -> None:
    writer = Writer(3)
    said = " ".join(writer.write() for _ in range(5_000)).lower().replace(".", "").split()
    counts = [said.count(make_word(rank)) / len(said) for rank in (1, 10, 100)]
    assert counts == [pytest.approx(part, rel=0.3) for part in (0.0568, 0.0078, 0.00082)]
    assert len(set(said)) > 10_000


def test_rows_are_the_same_each_time() -> None:
    first, second = (list(Rows(SHAPE).messages()) for _ in range(2))
    assert first == second
    assert len(first) == 1_000


def test_histories_hold_every_message_and_end_at_last_seq(port: PostgresDatabase, rows: Rows) -> None:
    histories = [read_history(port, talk) for talk in rows.conversations]
    assert sum(map(len, histories)) == 1_000
    assert len(histories[0]) == 500
    for talk, history in zip(rows.conversations, histories, strict=True):
        assert max((message["changed_seq"] for message in history), default=1) == talk.seq
        assert {message["sender_id"] for message in history} <= set(talk.texts)
        assert [m["created_at"] for m in history] == sorted(m["created_at"] for m in history)


def test_the_log_has_no_gap_and_shows_the_messages_as_history_does(port: PostgresDatabase, rows: Rows) -> None:
    for talk in (rows.conversations[0], rows.conversations[1]):
        events = read_changes(port, talk, max(0, talk.seq - 300))
        assert [event["seq"] for event in events] == list(range(max(1, talk.seq - 299), talk.seq + 1))
        known = {message["id"]: message for message in read_history(port, talk)}
        told = [event["data"]["message"] for event in events if "message" in event["data"]]
        assert told
        assert all(message == known[message["id"]] for message in told)


def test_edited_and_deleted_messages_are_among_them(port: PostgresDatabase, rows: Rows) -> None:
    messages = [message for talk in rows.conversations for message in read_history(port, talk)]
    assert any(m["edited_at"] and m["content"] for m in messages)
    assert any(m["deleted_at"] and m["content"] is None for m in messages)
    assert any(m["reply_to"] for m in messages)


def test_the_lists_are_as_long_as_they_were_meant_to_be(port: PostgresDatabase, world: World) -> None:
    lists = {}
    for who in (world.lone, world.busy, world.quiet):
        page = port.call("list_conversations", caller=who, page_limit=200, cursor=None)
        lists[who] = page["conversations"]
    assert [c["id"] for c in lists[world.lone]] == [world.largest]
    assert len(lists[world.busy]) == SHAPE.busiest
    assert world.small in [c["id"] for c in lists[world.quiet]]
    assert world.largest not in [c["id"] for c in lists[world.quiet]]
    changed = [c["last_message"]["created_at"] for c in lists[world.busy] if c["last_message"]]
    assert changed == sorted(changed, reverse=True)


def test_a_word_is_found_where_it_stands_and_nowhere_by_outsiders(
    port: PostgresDatabase, rows: Rows, world: World
) -> None:
    assert port.call("index_messages", page_limit=100) == {"indexed": 0, "more": False}
    talk = rows.conversations[0]
    spoken = [m for m in read_history(port, talk) if m["content"]]
    word = max(spoken[-1]["content"].rstrip(".").lower().split(), key=len)
    holding = [m["id"] for m in spoken if word in m["content"].lower().replace(".", "").split()]
    asked = {"q": f'"{word}"', "sender_id": None, "before_at": None, "page_limit": 50, "cursor": None}
    found = port.call("search_messages", caller=world.lone, conversation_id=None, **asked)
    assert [match["message"]["id"] for match in found["matches"]] == holding[::-1][:50]
    with pytest.raises(DatabaseRefusal):
        port.call("search_messages", caller=world.quiet, conversation_id=world.largest, **asked)


def test_every_question_of_the_benchmark_is_answered(file_database: Database, world: World) -> None:
    with running_app(file_database.url) as app:
        kinds = {**history_questions(world, app.signer.token), **search_questions(world, app.signer.token)}
        answers = {kind: [ask(app, asked) for asked in requests[:3]] for kind, requests in kinds.items()}
    assert {answer.status_code for found in answers.values() for answer in found} == {200}
    for kind in ("newest page", "deep page"):
        assert [len(answer.json["messages"]) for answer in answers[kind] if answer.json] == [50] * len(answers[kind])


def ask(app: ChatApp, asked: Request) -> TestResponse:
    first, *headers = asked.raw.decode().rstrip().split("\r\n")
    return app.client.get(first.split()[1], headers=[tuple(header.split(": ", 1)) for header in headers])


def test_a_message_goes_on_where_the_rows_end(port: PostgresDatabase, rows: Rows) -> None:
    talk = rows.conversations[1]
    item = {
        "id": "11111111-2222-4333-8444-555555555555",
        "sender_id": talk.texts[0],
        "conversation_id": talk.text,
        "content": "one more",
        "reply_to": None,
        "request_hash": "0" * 64,
    }
    (sent,) = port.call("send_messages", messages=[item])["results"]
    assert (sent["status"], sent["message"]["seq"]) == (201, talk.seq + 1)
    talk.seq += 1


def test_a_message_sent_again_is_the_same_message(port: PostgresDatabase, rows: Rows) -> None:
    talk = rows.conversations[2]
    message = next(m for m in read_history(port, talk) if not m["edited_at"] and m["content"])
    request = SendRequest.model_validate(
        {"conversation_id": talk.id, "content": message["content"], "reply_to": message["reply_to"]}
    )
    item = {name: message[name] for name in ("id", "sender_id", "conversation_id", "content", "reply_to")}
    results = [
        port.call("send_messages", messages=[{**item, "request_hash": known_by}])["results"][0]
        for known_by in (hash_request(talk.id, request), "0" * 64)
    ]
    assert [result["status"] for result in results] == [200, 409]
    assert results[0]["message"] == message


def test_nothing_points_where_nothing_is(file_database: Database, rows: Rows) -> None:
    """Foreign keys were not checked while the rows were written: checked anew, none of them fails."""
    with psycopg.connect(file_database.owner_url, autocommit=True) as owner:
        keys = owner.execute(
            "select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) from pg_constraint"
            " where contype = 'f' and connamespace = 'public'::regnamespace"
        ).fetchall()
        assert keys
        for table, name, definition in keys:
            again = f"alter table {table} drop constraint {name}, add constraint {name} {definition}"
            owner.execute(again.encode())
        counts = owner.execute(
            "select c.member_count - (select count(*) from public.members m where m.conversation_id = c.id),"
            " c.last_seq - (select count(*) from public.conversation_log l where l.conversation_id = c.id)"
            " from public.conversations c"
        ).fetchall()
    assert set(counts) == {(0, 0)}


def test_no_index_is_missing_afterwards(owner_url: str, file_database: Database, rows: Rows) -> None:
    indexes = []
    for url in (owner_url, file_database.owner_url):
        with psycopg.connect(url) as owner:
            found = owner.execute("select indexdef from pg_indexes where schemaname = 'public' order by 1").fetchall()
            indexes.append(found)
    assert indexes[0] == indexes[1]


def test_a_database_in_use_is_left_alone(file_database: Database, rows: Rows) -> None:
    with pytest.raises(ValueError, match="in use"):
        fill(file_database.owner_url, Rows(SHAPE))


def test_the_seeds_table_holds_the_same_messages(
    file_database: Database, postgres: Cluster, rows: Rows, world: World
) -> None:
    name = "bench_seed_node"
    postgres.create_database(name)
    try:
        fill_seed(file_database.owner_url, postgres.url(name), SCHEMA.read_text())
        with psycopg.connect(postgres.url(name)) as seed:
            counts = seed.execute(
                "select count(*) filter (where receiver_id = %s), count(*) >= 1000, count(*) filter (where"
                " sender_id = receiver_id) from messages",
                [world.largest],
            ).fetchone()
        assert counts == (500, True, 0)
    finally:
        postgres.drop_database(name)
