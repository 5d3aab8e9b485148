"""The same calls through both adapters leave the same rows behind and get the same answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from shared.database import Database as Port
from shared.errors import DatabaseRefusal
from shared.postgres_database import PostgresDatabase
from shared.supabase_database import SupabaseDatabase
from tests.conftest import APP_PASSWORD, Database
from tests.people import Known, item
from tests.sql.tables import read_tables, without_clocks
from tests.standins.project import SupabaseProject

MESSAGES, BATCH = 10_000, 100
NAMES = ("Ann", "Ben", "Cho", "Dee", "Eve")


@dataclass(frozen=True)
class Side:
    port: Port
    owner_url: str


def make_id(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


@pytest.fixture
def people() -> list[Known]:
    chance = random.Random(1)
    return [Known(UUID(make_id(chance)), name, f"{name.lower()}@example.org") for name in NAMES]


@pytest.fixture
def sides(postgres: Cluster, database: Database, people: list[Known]) -> Iterator[tuple[Side, Side]]:
    """Two databases that were one until now; over the second the most that is read of a table is one row."""
    port = PostgresDatabase(database.url)
    for person in people:
        port.call("ensure_user", user_id=person.id, email=person.email, name=person.name, is_admin=False)
    for one in people[:-1]:  # Eve is outside
        for other in people[:-1]:
            if one.id < other.id:
                port.call("open_direct", caller=one.id, recipient=other.email)
    port.close()
    name = f"{database.url.rpartition('/')[2]}_rpc"
    postgres.create_database(name, database.url.rpartition("/")[2])
    copy = Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    straight = PostgresDatabase(database.url)
    with SupabaseProject(copy, max_rows=1) as project:
        rpc = SupabaseDatabase(project.url, project.secret_key)
        yield Side(straight, database.owner_url), Side(rpc, copy.owner_url)
        rpc.close()
    straight.close()
    postgres.drop_database(name)


def write_script(owner_url: str, people: list[Known]) -> Iterator[list[dict[str, Any]]]:
    """Batches of a hundred: 10,000 messages, and among them resends, conflicts, and what is refused."""
    chance = random.Random(7)
    with psycopg.connect(owner_url) as owner:
        pairs = owner.execute("select id::text, direct_low, direct_high from conversations order by id").fetchall()
    known = {person.id: person for person in people}
    sent: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    while len(sent) < MESSAGES:
        conversation, *members = chance.choice(pairs)
        sender = known[chance.choice(members)]
        fresh = item(sender, conversation, f'№ {len(sent)} — “ünïcode” 🎈\n\\ "{"x" * chance.randrange(40)}"')
        fresh["id"] = make_id(chance)
        if chance.random() < 0.1 and (told := [one for one in sent[-500:] if one["conversation_id"] == conversation]):
            fresh["reply_to"] = chance.choice(told)["id"]
        sent.append(fresh)
        waiting.append(fresh)
        if chance.random() < 0.15:
            waiting.append(_odd_one(chance, fresh, chance.choice(sent), people))
        if len(waiting) >= BATCH:
            yield waiting[:BATCH]
            del waiting[:BATCH]
    yield waiting


def _odd_one(
    chance: random.Random, fresh: dict[str, Any], earlier: dict[str, Any], people: list[Known]
) -> dict[str, Any]:
    renamed = {**fresh, "id": make_id(chance), "reply_to": None}
    odd: dict[str, Any] = chance.choice(
        [
            earlier,
            fresh,
            {**earlier, "content": "other", "request_hash": "other"},
            {**earlier, "sender_id": str(people[-1].id)},
            {**renamed, "sender_id": str(people[-1].id)},
            {**renamed, "sender_id": make_id(chance)},
            {**renamed, "conversation_id": make_id(chance)},
            {**renamed, "reply_to": make_id(chance)},
        ]
    )
    return odd


def answer_of(port: Port, function: str, **arguments: Any) -> Any:
    try:
        return without_clocks(port.call(function, **arguments))
    except DatabaseRefusal as refused:
        return refused.status, refused.body()


def test_the_same_ten_thousand_messages_make_the_same_tables(sides: tuple[Side, Side], people: list[Known]) -> None:
    answers: list[list[Any]] = [[], []]
    for batch in write_script(sides[0].owner_url, people):
        for side, seen in zip(sides, answers, strict=True):
            seen.append(answer_of(side.port, "send_messages", messages=batch))
        assert answers[0][-1] == answers[1][-1]
    results = [result["status"] for answer in answers[0] for result in answer["results"]]
    assert (results.count(201), {200, 401, 404, 409} < set(results)) == (MESSAGES, True)
    straight, rpc = (read_tables(side.owner_url) for side in sides)
    assert len(straight["public.messages"]) == MESSAGES
    assert {"public.users", "public.members", "public.conversation_log", "public.outbox"} <= set(straight)
    assert straight == rpc


def test_the_same_questions_have_the_same_answers(sides: tuple[Side, Side], people: list[Known]) -> None:
    """With db-max-rows at one: what is cut short would be seen here."""
    ann, ben, *_, eve = people
    with psycopg.connect(sides[0].owner_url) as owner:
        pair = sorted([ann.id, ben.id])
        found = owner.execute("select id from conversations where (direct_low, direct_high) = (%s, %s)", pair)
        room = str(found.fetchall()[0][0])
    chance = random.Random(3)
    items = [{**item(ann, room, f"message {n}"), "id": make_id(chance)} for n in range(30)]
    soon = datetime(2100, 1, 1, 1, 2, 3, 456789, UTC)
    paged = {"page_limit": 20, "cursor": None}
    history = {"conversation_id": room, "peer": None, "before_seq": None, "after_seq": None, "page_limit": 20}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("send_messages", {"messages": items}),
        ("list_history", {"caller": ben.id, **history}),
        ("list_history", {"caller": eve.id, **history}),
        ("list_history", {"caller": ben.id, **history, "conversation_id": None, "peer": ann.id}),
        ("list_changes", {"caller": ben.id, "conversation_id": UUID(room), "after_seq": 3, "page_limit": 20}),
        ("get_message", {"caller": ben.id, "message_id": items[3]["id"]}),
        ("get_conversation", {"caller": ben.id, "conversation_id": room}),
        ("list_conversations", {"caller": ann.id, **paged}),
        ("list_members", {"caller": ann.id, "conversation_id": room, **paged}),
        ("list_users", {"caller": ann.id, "query": None, **paged}),
        ("list_users", {"caller": ann.id, "query": "N", "page_limit": 1, "cursor": None}),
        ("list_users", {"caller": ann.id, "query": None, "page_limit": 1, "cursor": "nonsense"}),
        ("get_user", {"caller": ann.id, "user_id": ann.id}),
        ("get_session_user", {"caller": ann.id}),
        ("mark_read", {"caller": ben.id, "conversation_id": room, "read_seq": 9}),
        ("list_typing_recipients", {"caller": ben.id, "conversation_id": room}),
        ("open_direct", {"caller": ann.id, "recipient": "EVE@example.org"}),
        ("open_direct", {"caller": ann.id, "recipient": "nobody@example.org"}),
        ("revoke_session", {"session_id": "of ann", "expires_at": soon}),
        ("revoke_user", {"user_id": ben.id, "expires_at": soon}),
        ("list_revocations", {"after_position": 0}),
        ("record_presence", {"changes": [{"user_id": str(ann.id), "online": True, "at": "2026-01-01T00:00:00Z"}]}),
        ("list_presence", {"caller": ben.id, "ids": [str(person.id) for person in people]}),
        ("finish_outbox", {"ids": []}),
        ("measure_outbox", {}),
    ]
    answers = {}
    for function, arguments in calls:
        asked = f"{function} {arguments}"
        answers[asked] = [answer_of(side.port, function, **arguments) for side in sides]
    # What EVE's new conversation is called, and how old the oldest row is, differs by nature.
    alike = [asked for asked, (one, other) in answers.items() if one == other]
    differing = {asked.split()[0] for asked in answers if asked not in alike}
    assert differing <= {"open_direct", "measure_outbox"}
    straight, rpc = (read_tables(side.owner_url, clocks=False)["public.revocations"] for side in sides)
    assert straight == rpc
    page = next(one for asked, (one, _) in answers.items() if asked.startswith("list_history"))
    assert len(page["messages"]) == 20


def test_no_function_of_ours_returns_rows(database: Database) -> None:
    """db-max-rows cuts sets of rows: one JSON value is never cut."""
    with psycopg.connect(database.owner_url) as owner:
        sets = owner.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace and proretset"
        ).fetchall()
    assert sets == []
