"""The hot functions never read a big table from end to end, nor sort a conversation: by auto_explain, which shows the
plans of the statements inside them as they ran."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database

MESSAGES = 40_000  # of which half are in one conversation
BIG = {"messages", "message_words", "conversation_log", "outbox", "members", "users"}
MOST_ROWS = 3_000  # any step of a plan: a page, or the newest few that a search looks at
FILL = """
    insert into users (id, email, name)
    select md5('u' || n)::uuid, 'u' || n || '@example.org', 'User ' || n from generate_series(1, 2000) n;
    insert into conversations (id, kind, name, last_seq, member_count, created_at, changed_at)
    select md5('c' || n)::uuid, 'group', 'Group ' || n, case n when 1 then 20000 else 20 end, 10,
           '2026-01-01', '2026-01-01'::timestamptz + n * interval '1 minute' + interval '20 days'
    from generate_series(1, 1001) n;
    insert into members (conversation_id, user_id)
    select md5('c' || n)::uuid, md5('u' || (n * 7 + m * 13) % 2000 + 1)::uuid
    from generate_series(1, 1001) n, generate_series(1, 10) m;
    insert into members (conversation_id, user_id)
    select md5('c' || n)::uuid, md5('ann')::uuid from generate_series(1, 200) n;
    insert into members (conversation_id, user_id)
    select md5('c2')::uuid, md5('u' || n)::uuid from generate_series(1, 2000) n on conflict do nothing;
    insert into conversation_log (conversation_id, seq, event)
    select id, 1, 'conversation.created' from conversations;
    insert into messages (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, created_at)
    select md5('m' || c || ' ' || seq)::uuid, md5('c' || c)::uuid, seq, seq, md5('u' || seq % 2000 + 1)::uuid,
           'a whale ' || md5(seq::text) || case when seq % 5000 = 3 then ' unicorn' else '' end, '',
           '2026-01-01'::timestamptz + seq * interval '1 minute' + c * interval '1 second'
    from generate_series(1, 1001) c
    cross join lateral generate_series(2, case c when 1 then 20000 else 20 end) seq;
    insert into conversation_log (conversation_id, seq, event, message_id)
    select conversation_id, seq, 'message.sent', id from messages;
    insert into outbox (conversation_id, seq, leased_until)
    select conversation_id, seq, clock_timestamp() + n % 3000 * interval '1 second' + interval '1 hour'
    from (select l.*, row_number() over () as n from conversation_log l) l where n <= 5000;
"""


@dataclass
class Explained:
    connection: psycopg.Connection
    notices: list[str]
    ann: UUID
    largest: UUID

    def call(self, function: str, times: int = 6, **arguments: Any) -> tuple[Any, list[dict[str, Any]]]:
        """The answer, and every step of every plan, of the sixth call: from then on plans may be generic ones."""
        names = ", ".join(f"{name} => %s" for name in arguments)
        values = [Jsonb(value) if isinstance(value, list) else value for value in arguments.values()]
        for _ in range(times):
            self.notices.clear()
            [answer] = self.connection.execute(f"select {function}({names})", values).fetchone() or [None]
        texts = [notice.split("plan:\n", 1)[1] for notice in self.notices if "plan:\n" in notice]
        return answer, [step for text in texts for step in walk(json.loads(text)["Plan"])]


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from walk(inner)


def find_faults(steps: list[dict[str, Any]]) -> list[str]:
    return [
        f"{step['Node Type']} {step.get('Relation Name', '')} {step.get('Index Name', '')} of {rows(step)} rows"
        for step in steps
        if (step["Node Type"] == "Seq Scan" and step["Relation Name"] in BIG) or rows(step) > MOST_ROWS
    ]


def rows(step: dict[str, Any]) -> float:
    """Read, not only passed on."""
    passed: float = step["Actual Rows"] + step.get("Rows Removed by Filter", 0)
    return passed * float(step["Actual Loops"])


@pytest.fixture(scope="module")
def explained(file_database: Database) -> Iterator[Explained]:
    with psycopg.connect(file_database.owner_url, autocommit=True) as owner:
        ann = owner.execute("select md5('ann')::uuid").fetchone()
        owner.execute("insert into users (id, email, name) values (md5('ann')::uuid, 'ann@example.org', 'Ann')")
        owner.execute(FILL)
        while True:
            done = owner.execute("select index_messages(10000)").fetchone()
            assert done
            if not done[0]["more"]:
                break
        owner.execute("vacuum analyze")
        notices: list[str] = []
        owner.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        for setting in (
            "load 'auto_explain'",
            "set auto_explain.log_min_duration = 0",
            "set auto_explain.log_nested_statements = on",
            "set auto_explain.log_analyze = on",
            "set auto_explain.log_timing = off",
            "set auto_explain.log_format = json",
            "set auto_explain.log_level = notice",
        ):
            owner.execute(setting)
        owner.execute("set role service_role")
        largest = owner.execute("select md5('c1')::uuid").fetchone()
        assert ann
        assert largest
        yield Explained(owner, notices, ann[0], largest[0])


READS: dict[str, tuple[str, dict[str, Any]]] = {
    "the newest page": ("list_history", {}),
    "a deep page": ("list_history", {"before_seq": 300}),
    "a page after": ("list_history", {"after_seq": 300}),
    "a page around": ("list_history", {"after_seq": 10_000, "before_seq": 10_100}),
    "changes": ("list_changes", {"after_seq": 19_900}),
    "conversations": ("list_conversations", {}),
    "messages": ("list_messages", {}),
    "a common word": ("search_messages", {"q": "whale"}),
    "a rare word": ("search_messages", {"q": "unicorn"}),
    "the beginning of one": ("search_messages", {"q": "uni"}),
    "a phrase": ("search_messages", {"q": '"a whale"'}),
    "a word nobody said": ("search_messages", {"q": "basilisk"}),
    "a rare word in one place": ("search_messages", {"q": "unicorn", "here": True}),
}
GIVEN: dict[str, list[str]] = {
    "list_history": ["conversation_id", "peer", "before_seq", "after_seq", "page_limit"],
    "list_changes": ["conversation_id", "after_seq", "page_limit"],
    "list_conversations": ["page_limit", "cursor"],
    "list_messages": ["page_limit", "cursor"],
    "search_messages": ["q", "conversation_id", "sender_id", "before_at", "page_limit", "cursor"],
}


@pytest.mark.parametrize(("function", "changed"), READS.values(), ids=READS.keys())
def test_a_read_looks_at_few_rows_of_many(explained: Explained, function: str, changed: dict[str, Any]) -> None:
    arguments: dict[str, Any] = dict.fromkeys(GIVEN[function])
    if function in ("list_history", "list_changes") or changed.get("here"):
        arguments["conversation_id"] = explained.largest
    arguments |= {"page_limit": 50} | {name: value for name, value in changed.items() if name != "here"}
    answer, steps = explained.call(function, caller=explained.ann, **arguments)
    assert len(steps) > 1
    assert find_faults(steps) == []
    found = next(value for value in answer.values() if isinstance(value, list))
    assert (len(found) > 0) == (changed.get("q") != "basilisk")


def test_taking_the_outbox_looks_at_what_is_due(explained: Explained) -> None:
    answer, steps = explained.call("take_outbox", page_limit=100)
    assert find_faults(steps) == []
    assert answer == []


def test_a_send_looks_everybody_and_everything_up_by_keys(explained: Explained) -> None:
    original = explained.connection.execute("select md5('m1 5')").fetchone()
    assert original
    items = [
        {
            "id": str(uuid4()),
            "sender_id": str(explained.ann),
            "conversation_id": str(explained.largest),
            "content": "found",
            "reply_to": reply_to,
            "request_hash": "",
        }
        for reply_to in (None, original[0])
    ]
    answer, steps = explained.call("send_messages", times=1, messages=items)
    assert [result["status"] for result in answer["results"]] == [201, 201]
    assert [step for step in steps if rows(step) > 100] == []
    answer, steps = explained.call("send_messages", times=1, messages=[{**items[1], "id": str(uuid4())}])
    assert [result["status"] for result in answer["results"]] == [201]
    assert len(steps) > 5
    assert [step for step in steps if rows(step) > 100] == []


def test_a_plan_that_reads_everything_or_sorts_a_conversation_is_found(explained: Explained) -> None:
    """The denied twin of them all."""
    explained.connection.execute("reset role")
    for name, body in (
        ("reads", "select jsonb_agg(m.id) from public.messages m where m.content like '%unicorn%'"),
        (
            "sorts",
            "select jsonb_agg(p.id) from (select m.id from public.messages m where m.conversation_id ="
            " md5('c1')::uuid order by m.content limit 20) p",
        ),
    ):
        explained.connection.execute(
            f"create function public.{name}(x text) returns jsonb language plpgsql as $$ begin return ({body}); end $$"
        )
        _, steps = explained.call(name, x=str(uuid4()))
        assert find_faults(steps) != []
    explained.connection.execute("drop function public.reads, public.sorts; set role service_role")
