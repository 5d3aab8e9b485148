"""Taking what waits for Kafka after an outage: no dearer for what stands behind it, and in each key's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

HOT = UUID(int=1)
PAGE = 200


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        yield owner


@pytest.fixture
def other(owner_url: str) -> Iterator[psycopg.Connection]:
    """Somebody else, in a transaction."""
    with psycopg.connect(owner_url) as other:
        yield other
        other.rollback()


def wait_for(owner: psycopg.Connection, *keys: UUID, times: int = 1) -> list[str]:
    """``times`` rows of each key, the keys in turn; their ids, in order."""
    return [
        str(row[0])
        for row in owner.execute(
            "insert into kafka_outbox (id, key, user_id) "
            "select gen_random_uuid(), k, k "
            "from generate_series(1, %s) round, unnest(%s::uuid[]) with ordinality k(k, n) "
            "order by round, n returning id",
            [times, list(keys)],
        )
    ]


def take(owner: psycopg.Connection, limit: int = PAGE) -> Any:
    [[taken]] = owner.execute("select take_kafka_outbox(%s)", [limit]).fetchall()
    return taken


def count_rows_read(owner: psycopg.Connection) -> int:
    """By this session, since a moment ago."""
    [[found]] = owner.execute(
        "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'kafka_outbox'"
    ).fetchall()
    return int(found)


@pytest.mark.parametrize("analyzed", [True, False], ids=["known", "with statistics of an empty table"])
def test_a_take_reads_the_beginning_of_a_large_backlog_only(owner: psycopg.Connection, analyzed: bool) -> None:
    owner.execute("analyze kafka_outbox")
    wait_for(owner, HOT, *(uuid4() for _ in range(19)), times=1_000)
    if analyzed:
        owner.execute("analyze kafka_outbox")

    with owner.transaction():
        before = count_rows_read(owner)
        assert len(take(owner)["ids"]) == PAGE
        assert count_rows_read(owner) - before < 3_000  # of 20,000


def test_keys_behind_a_long_one_that_is_being_published_do_not_wait_for_it(owner: psycopg.Connection) -> None:
    hot = wait_for(owner, HOT, times=PAGE * 12)
    ben, cho = uuid4(), uuid4()
    others = wait_for(owner, ben, cho, times=3)

    assert take(owner) == {"ids": hot[:PAGE], "busy": False}
    assert take(owner) == {"ids": others, "busy": False}
    assert take(owner) == {"ids": [], "busy": False}  # and nothing of the long one twice


def test_what_stands_behind_even_more_is_taken_once_that_is_published(owner: psycopg.Connection) -> None:
    hot = wait_for(owner, HOT, times=1_010)
    others = wait_for(owner, uuid4(), times=2)

    assert take(owner, 10)["ids"] == hot[:10]
    assert take(owner, 10)["ids"] == []
    owner.execute("delete from kafka_outbox where id = any (%s)", [hot[:10]])
    assert take(owner, 10)["ids"] == hot[10:20]
    assert take(owner, 10)["ids"] == []
    owner.execute("delete from kafka_outbox where id = any (%s)", [hot[10:20]])
    assert take(owner, 10)["ids"] == hot[20:30]
    assert take(owner, 10)["ids"] == others


def test_nothing_overtakes_a_row_of_its_key_that_somebody_holds(
    owner: psycopg.Connection, other: psycopg.Connection
) -> None:
    ann, ben = uuid4(), uuid4()
    waiting = wait_for(owner, ann, ben, times=3)
    other.execute("update kafka_outbox set leased_until = null where id = %s", [waiting[0]])

    assert take(owner)["ids"] == waiting[1::2]
    assert take(owner) == {"ids": [], "busy": True}
    other.commit()
    assert take(owner) == {"ids": waiting[0::2], "busy": False}
