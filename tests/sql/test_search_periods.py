"""search_messages finds what a plain reading of all messages finds, however it went about it: by chance, a seeded one.

Conversations say they hold far more messages than they do, as those of large installations: the way by periods pays
only there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from shared.database import Database as Port
from shared.postgres_database import PostgresDatabase
from tests.conftest import Database
from tests.people import Known, add_person, item
from tests.sql.groups import Group

MESSAGES, PLACES, SAID_TO_BE = 10_000, 18, 100_000
START = datetime(2026, 1, 1, tzinfo=UTC)
# Word and how many of a hundred messages have it. Some begin with others.
WORDS = {"sea": 30, "seal": 5, "seaweed": 2, "blue": 5, "bluebell": 4, "whale": 6, "wave": 1, "sky": 8, "gull": 3}
COPY = "copy messages (id, conversation_id, seq, changed_seq, sender_id, content, request_hash, created_at) from stdin"


@dataclass
class Said:
    id: UUID
    place: str
    sender: UUID
    at: datetime
    words: list[str]

    @property
    def order(self) -> tuple[datetime, UUID]:
        return self.at, self.id


@dataclass
class Sea:
    """ann is in all the places but one, ben in two, cho in that one. ``said`` is newest first."""

    port: Port
    owner: psycopg.Connection
    ann: Known
    ben: Known
    cho: Known
    places: dict[UUID, list[str]]
    said: list[Said] = field(default_factory=list)

    def look(self, who: Known, terms: list[str], **only: Any) -> list[UUID]:
        """All that a search has to find, newest first."""
        return [
            said.id
            for said in self.said
            if said.place in self.places[who.id]
            and only.get("conversation_id") in (None, said.place)
            and only.get("sender_id") in (None, said.sender)
            and (only.get("before_at") is None or said.at < only["before_at"])
            and all(stands(term, said.words) for term in terms)
        ]

    def search(self, who: Known, q: str, **only: Any) -> tuple[list[UUID], str | None]:
        asked = {"conversation_id": None, "sender_id": None, "before_at": None, "page_limit": 20, "cursor": None}
        page = self.port.call("search_messages", caller=who.id, q=q, **asked | only)
        return [UUID(match["message"]["id"]) for match in page["matches"]], page["next_cursor"]

    def find_older(self, who: Known, terms: list[str], recent: dict[str, Any], page_limit: int) -> list[UUID]:
        [found] = self.owner.execute(
            "select search_older(%s::uuid[], null, read_terms(%s), %s, %s)",
            [self.places[who.id], " ".join(terms), Jsonb(recent), page_limit],
        ).fetchone() or [[]]
        return [UUID(match["id"]) for match in found]


def stands(term: str, words: list[str]) -> bool:
    if not term.startswith('"'):
        return any(word.startswith(term) for word in words)
    wanted = term.strip('"').split()
    return any(words[begun : begun + len(wanted)] == wanted for begun in range(len(words)))


def make_terms(chance: Random) -> list[str]:
    """One to three words, beginnings, or words in a row."""
    kinds = [
        lambda: f'"{chance.choice(list(WORDS))}"',
        lambda: chance.choice(["sea", "se", "blu", "whal", "w", "gull"]),
        lambda: f'"{" ".join(chance.choices(list(WORDS), k=2))}"',
    ]
    return [chance.choices(kinds, [6, 2, 1])[0]() for _ in range(chance.choice((1, 2, 2, 3)))]


def make_moments(chance: Random) -> list[datetime]:
    """Talk of changing pace, some of it at one moment, and some where a period of 2^12 seconds begins."""
    moments, at = [], START
    for n in range(MESSAGES):
        at += timedelta(seconds=0 if 7_000 < n < 7_100 else chance.expovariate(1 / (20 if n % 3_000 < 1_500 else 200)))
        if n % 40 == 0:
            edge = datetime.fromtimestamp((int(at.timestamp()) // 4096 + 1) * 4096, UTC)
            at = edge + timedelta(microseconds=chance.choice((-300_000, -1, 0, 1, 300_000)))
        moments.append(at)
    return moments


@pytest.fixture(scope="module")
def sea(file_database: Database) -> Iterator[Sea]:
    chance = Random(8)
    port = PostgresDatabase(file_database.url)
    with psycopg.connect(file_database.owner_url, autocommit=True) as owner:
        ann, ben, cho = (add_person(port, name) for name in ("Ann", "Ben", "Cho"))
        groups = [Group(port, ann, [ben] if n < 2 else []) for n in range(PLACES)]
        groups.append(Group(port, cho, [ben]))
        places = [group.id for group in groups]
        theirs = {ann.id: places[:-1], ben.id: [*places[:2], places[-1]], cho.id: places[-1:]}
        sea = Sea(port, owner, ann, ben, cho, theirs)
        write_messages(sea, places, chance)
        while port.call("index_messages", page_limit=5_000)["more"]:
            pass
        owner.execute("update conversations set last_seq = %s", [SAID_TO_BE])
        owner.execute("update search_positions set indexed_seq = %s", [SAID_TO_BE])
        newest_at = sea.said[-1].at
        change_some(sea, places, chance)
        owner.execute("update conversations set changed_at = %s", [newest_at])
        sea.said.sort(key=lambda said: said.order, reverse=True)
        yield sea
    port.close()


def write_messages(sea: Sea, places: list[str], chance: Random) -> None:
    with sea.owner.cursor() as cursor, cursor.copy(COPY) as copy:
        for seq, at in enumerate(make_moments(chance), 100):
            words = [word for word, share in WORDS.items() if chance.random() * 100 < share] or ["calm"]
            chance.shuffle(words)
            place = chance.choices(places, range(len(places), 0, -1))[0]
            sender = chance.choice([sea.ann, sea.ben, sea.cho]).id
            said = Said(UUID(int=chance.getrandbits(128)), place, sender, at, words)
            copy.write_row([said.id, place, seq, seq, sender, " ".join(words), "", at])
            sea.said.append(said)
    sea.owner.execute("update conversations set last_seq = %s", [MESSAGES + 100])


def change_some(sea: Sea, places: list[str], chance: Random) -> None:
    """Some are edited, some deleted, and some were sent that are not indexed yet."""
    for number, said in enumerate(chance.sample(sea.said, 60)):
        sea.owner.execute(
            "update messages set content = %s, deleted_at = %s where id = %s",
            [*(("blue whale", None) if number % 2 else (None, said.at)), said.id],
        )
        if number % 2:
            said.words = ["blue", "whale"]
        else:
            sea.said.remove(said)
    for content in ("blue whale", "sea gull", "calm"):
        [sent] = sea.port.call("send_messages", messages=[item(sea.ann, places[0], content)])["results"]
        message = sent["message"]
        at = datetime.fromisoformat(message["created_at"])
        sea.said.append(Said(UUID(message["id"]), places[0], sea.ann.id, at, content.split()))


@pytest.mark.parametrize("seed", range(40))
def test_pages_are_what_a_plain_reading_of_all_messages_finds(sea: Sea, seed: int) -> None:
    chance = Random(seed)
    who, terms = chance.choice([sea.ann, sea.ann, sea.ben, sea.cho]), make_terms(chance)
    only: dict[str, Any] = {}
    if chance.random() < 0.2:
        only["conversation_id"] = chance.choice(sea.places[who.id])
    if chance.random() < 0.2:
        only["sender_id"] = chance.choice([sea.ann, sea.ben, sea.cho]).id
    if chance.random() < 0.3:
        only["before_at"] = chance.choice(sea.said).at
    wanted, page_limit, cursor = sea.look(who, terms, **only), chance.choice((1, 3, 20, 50)), None
    for page in range(5):
        found, cursor = sea.search(who, " ".join(terms), page_limit=page_limit, cursor=cursor, **only)
        assert found == wanted[page * page_limit : (page + 1) * page_limit], (terms, only)
        assert (cursor is None) == ((page + 1) * page_limit >= len(wanted))
        if cursor is None:
            break


@pytest.mark.parametrize("seed", range(40))
def test_what_is_older_is_the_same_whatever_the_newest_ones_made_expect(sea: Sea, seed: int) -> None:
    chance = Random(seed)
    who, terms, page_limit = chance.choice([sea.ann, sea.ben]), make_terms(chance), chance.choice((1, 4, 21))
    for _ in range(5):
        said = chance.choice(sea.said[3:])  # the newest three are not indexed yet
        edge = datetime.fromtimestamp(int(said.at.timestamp()) // 4096 * 4096, UTC)
        reached = chance.choice((said.at, edge, edge + timedelta(microseconds=1)))
        newest = reached + timedelta(seconds=chance.choice((0, 1, 4096, 50_000, 400_000, 3_000_000, 10**9)))
        recent: dict[str, Any] = {
            "reached": reached.isoformat(),
            "newest": newest.isoformat(),
            "seen": chance.choice((1, 500, 6_000)),
            "found": [{}] * chance.choice((0, 1, 3, 20)),
        }
        wanted = sea.look(who, terms, before_at=reached)
        assert sea.find_older(who, terms, recent, page_limit) == wanted[:page_limit], (terms, recent)


def test_words_in_a_row_stand_in_a_row_where_as_many_words_as_terms_are_asked_for(sea: Sea) -> None:
    reached = sea.said[3].at
    recent: dict[str, Any] = {"reached": reached.isoformat(), "newest": None, "seen": 0, "found": []}
    apart, in_a_row = (sea.look(sea.ann, ['"sea"', term], before_at=reached) for term in ('"blue"', '"blue sea"'))
    assert len(apart) > len(in_a_row) > 0
    assert sea.find_older(sea.ann, ['"sea"', '"blue"'], recent, 50) == apart[:50]
    assert sea.find_older(sea.ann, ['"sea"', '"blue sea"'], recent, 50) == in_a_row[:50]


@pytest.mark.parametrize(("seconds", "period"), [(-0.5, -1), (0, 0), (4_095.7, 0), (4_095.999999, 0), (4_096, 1)])
def test_a_period_begins_with_its_first_moment_and_ends_before_that_of_the_next(
    sea: Sea, seconds: float, period: int
) -> None:
    rows = sea.owner.execute(
        "select unnest(tsvector_to_array(search_terms('', %s, %s, to_timestamp(%s::numeric))))",
        [sea.ann.id, sea.ann.id, str(seconds)],
    ).fetchall()
    assert [row[0] for row in rows if row[0].startswith(" at 12 ")] == [f" at 12 {period}"]


def explain_lookups(sea: Sea, who: Known, q: str) -> list[str]:
    """What the index was asked, one line a time, newest first."""
    notices: list[str] = []
    with psycopg.connect(sea.owner.info.dsn, password=sea.owner.info.password, autocommit=True) as asking:
        asking.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_level = notice"):
            asking.execute(f"load 'auto_explain'; set auto_explain.{setting}".encode())
        asking.execute("select search_messages(%s, %s, null, null, null, 20, null)", [who.id, q])
    lines = [line for notice in notices for line in notice.splitlines()]
    return [line for line in lines if "Index Cond" in line and "search_terms" in line]


def test_the_index_is_asked_by_periods_where_few_of_them_fill_the_page(sea: Sea) -> None:
    lookups = explain_lookups(sea, sea.ann, '"seal" "whale"')
    assert 1 <= len(lookups) <= 4
    assert all(" at " in line for line in lookups[:-1])
    assert " at " in lookups[0]


def test_the_index_is_asked_at_once_for_what_is_nowhere_near(sea: Sea) -> None:
    for q in ('"basilisk"', '"wave wave"'):
        [lookup] = explain_lookups(sea, sea.ann, q)
        assert " at " not in lookup
