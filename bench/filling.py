"""Writes ``bench.rows`` into an empty, migrated database, past the functions and as they would have left it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import psycopg
from psycopg import sql

from bench.rows import END, MESSAGE_COLUMNS, YEAR, Rows

CONVERSATION_COLUMNS = "id, kind, name, direct_low, direct_high, last_seq, member_count, created_at, changed_at"
BLOCK = 2_000  # lines given to the server at once
LOG = """
insert into public.conversation_log (conversation_id, seq, event, message_id, user_id, created_at)
select c.id, 1, 'conversation.created', null, m.user_id, c.created_at
from public.conversations c join public.members m on m.conversation_id = c.id and m.role = 'owner'
union all
select m.conversation_id, m.seq, 'message.sent', m.id, null, m.created_at from public.messages m
union all
select m.conversation_id, m.changed_seq,
       case when m.deleted_at is null then 'message.edited' else 'message.deleted' end,
       m.id, null, coalesce(m.deleted_at, m.edited_at)
from public.messages m where m.changed_seq > m.seq
order by 6
"""
WORDS = """
insert into public.message_words (conversation_id, created_at, message_id, sender_id, words)
select m.conversation_id, m.created_at, m.id, m.sender_id, public.search_words(m.content)
from public.messages m where m.content is not null
"""
POSITIONS = """
insert into public.search_positions (conversation_id, indexed_seq)
select c.id, c.last_seq from public.conversations c
"""


def fill(owner_url: str, rows: Rows) -> None:
    """Raises ValueError where somebody is in it already."""
    fill_rows(owner_url, rows)
    fill_words(owner_url)


def fill_rows(owner_url: str, rows: Rows) -> None:
    """All but the words that are searched for. All or nothing; raises ValueError where somebody is in it already."""
    with psycopg.connect(owner_url, autocommit=True) as owner, owner.transaction():
        if owner.execute("select 1 from public.users limit 1").fetchone():
            raise ValueError("this database is in use: rows are made in an empty one only")
        # What was emptied in the same transaction is written frozen, and with wal_level=minimal to no log.
        owner.execute("truncate public.users cascade")
        # Of the owner's: neither foreign keys, which hold by construction, nor triggers, which tell of news.
        owner.execute("set local session_replication_role = replica")
        with _without_indexes(owner, "public.messages", "public.conversation_log"):
            for table, lines in (
                ("users (id, email, name, created_at)", _people(rows)),
                (f"messages ({MESSAGE_COLUMNS})", rows.messages()),
                (f"conversations ({CONVERSATION_COLUMNS})", _conversations(rows)),
                ("members (conversation_id, user_id, role, joined_at, last_read_seq)", _members(rows)),
            ):
                _copy(owner, f"public.{table}", lines)
            owner.execute(LOG)


def fill_words(owner_url: str) -> None:
    """What the indexer of the chat service would have caught up with; then the whole database is analyzed."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        with owner.transaction():
            owner.execute("truncate public.message_words, public.search_positions")
            with _without_indexes(owner, "public.message_words"):
                owner.execute(WORDS)
            owner.execute(POSITIONS)
        owner.execute("vacuum (analyze)")


def fill_seed(pulse_url: str, seed_url: str, schema: str) -> None:
    """The same messages in the seeds' one table: those of a group to the group, the others to the other person."""
    said = """
        select m.sender_id,
               case when c.kind = 'group' then c.id
                    when m.sender_id = c.direct_low then c.direct_high else c.direct_low end,
               coalesce(m.content, ''), m.created_at
        from public.messages m join public.conversations c on c.id = m.conversation_id order by m.created_at
    """
    with psycopg.connect(pulse_url) as pulse, psycopg.connect(seed_url, autocommit=True) as seed:
        with seed.transaction(), seed.cursor() as to, pulse.cursor() as out:
            seed.execute(schema.encode())
            target = "copy messages (sender_id, receiver_id, content, created_at) from stdin (format binary)"
            with out.copy(f"copy ({said}) to stdout (format binary)") as source, to.copy(target) as sink:
                for block in source:
                    sink.write(block)
        seed.execute("vacuum (analyze)")


@contextmanager
def _without_indexes(owner: psycopg.Connection, *tables: str) -> Iterator[None]:
    """Those that hold no constraint are made afterwards, which is cheaper."""
    found = owner.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i"
        " where i.indrelid = any(%s::regclass[])"
        " and not exists (select from pg_constraint c where c.conindid = i.indexrelid)",
        [list(tables)],
    ).fetchall()
    for name, _ in found:
        owner.execute(sql.SQL("drop index {}").format(sql.Identifier(*name.split("."))))
    yield
    for _, definition in found:
        owner.execute(definition.encode())


def _copy(owner: psycopg.Connection, target: str, lines: Iterable[str]) -> None:
    waiting = iter(lines)
    with owner.cursor() as cursor, cursor.copy(f"copy {target} from stdin with (freeze)".encode()) as copy:
        while block := "".join(islice(waiting, BLOCK)):
            copy.write(block)


def _people(rows: Rows) -> Iterator[str]:
    for place, person in enumerate(rows.people):
        yield f"{person}\tperson{place}@bench.example\tPerson {place:05}\t{END - YEAR}\n"


def _conversations(rows: Rows) -> Iterator[str]:
    for place, talk in enumerate(rows.conversations):
        kind, name, low, high = "group", f"Group {place}", "\\N", "\\N"
        if not talk.is_group:
            kind, name, (low, high) = "direct", "\\N", (str(member) for member in sorted(talk.members))
        yield (
            f"{talk.id}\t{kind}\t{name}\t{low}\t{high}\t{talk.seq}\t{len(talk.members)}"
            f"\t{END - YEAR}\t{talk.changed_at}\n"
        )


def _members(rows: Rows) -> Iterator[str]:
    """Of five members one is some messages behind."""
    for talk in rows.conversations:
        for place, member in enumerate(talk.members):
            role = "owner" if place == 0 else "member"
            read = max(1, talk.seq - 30) if place % 5 == 4 else talk.seq
            yield f"{talk.id}\t{member}\t{role}\t{END - YEAR}\t{read}\n"
