"""The short road of reads on a real Postgres: it answers as Flask does, byte for byte, and leaves alone what is odd."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from structlog.testing import capture_logs

from shared.read_road import THREADS, WAITING, ReadRoad
from shared.short_road import EXTENSION, Replies, Reply, Request
from tests.chat.conftest import ChatApp, running_app
from tests.conftest import Database
from tests.engines import RedisServer
from tests.people import Known

OWN = ("Content-Length", "Server", "Date")
"""What whoever writes an answer adds to it."""


class Road:
    """The road of an app, with a room of ann and ben, and a message of ben's to cho; every token was verified once."""

    def __init__(self, app: ChatApp) -> None:
        self.app = app
        [self.road] = [road for road in app.client.application.extensions[EXTENSION] if isinstance(road, ReadRoad)]
        self.replies: queue.SimpleQueue[tuple[Any, Reply]] = queue.SimpleQueue()
        self.road.open(self._keep)
        self.tokens = {who.id: app.signer.token(who.id) for who in (app.ann, app.ben, app.cho)}
        for token in self.tokens.values():
            self.road._identity.verifier.verify(token)
        self.room: str = app.send(app.ann, to=str(app.ben.id), content="hëllo").get_json()["conversation_id"]
        for n in range(4):
            app.send(app.ben, conversation_id=self.room, content=f"{n}")
        self.theirs: str = app.send(app.ben, to=str(app.cho.id), content="hi").get_json()["conversation_id"]

    def _keep(self, replies: Replies) -> None:
        for reply in replies:
            self.replies.put(reply)

    def headers(self, who: Known, **more: str) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.tokens[who.id]}", "X-Request-Id": "r-1", **named}

    def take(self, target: str, headers: dict[str, str], ticket: Any = None) -> bool:
        return self.road.take(Request(f"GET {target}", headers, b""), ticket)

    def answer(self) -> Reply:
        return self.replies.get(timeout=20)[1]

    def fill(self, target: str) -> str:
        return target.format(room=self.room, theirs=self.theirs, ben=self.app.ben.id, cho=self.app.cho.id, new=uuid4())


@pytest.fixture
def road(app: ChatApp) -> Road:
    return Road(app)


@pytest.fixture(scope="module")
def kept_road(file_database: Database) -> Iterator[Road]:
    """For tests that only read."""
    with running_app(file_database.url) as app:
        yield Road(app)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/chat/history?conversation_id={room}", 200),
        ("/chat/history?conversation_id={room}&limit=1", 200),
        ("/chat/history?conversation_id={room}&limit=2&before=3", 200),
        ("/chat/history?after=1&limit=2&conversation_id={room}", 200),
        ("/chat/history?with={ben}", 200),
        ("/chat/history?with={cho}", 200),  # nobody has written
        ("/chat/history?conversation_id={room}&peer=else", 200),  # the name of a field, not of the query
        ("/chat/changes?conversation_id={room}", 200),
        ("/chat/changes?conversation_id={room}&after=2&limit=1", 200),
        ("/conversations", 200),
        ("/conversations?limit=1", 200),
        ("/messages?limit=3", 200),
        ("/chat/history?conversation_id={theirs}", 404),
        ("/chat/history?conversation_id={new}", 404),
        ("/chat/history?with={new}", 404),
        ("/chat/changes?conversation_id={theirs}", 404),
        ("/conversations?cursor=zz", 422),
        ("/messages?cursor=5b5d", 422),
    ],
)
def test_plain_reads_are_answered_as_on_the_ordinary_road(kept_road: Road, target: str, status: int) -> None:
    path = kept_road.fill(target)
    for more in ({}, {"Origin": "http://localhost:3000"}, {"Origin": "https://evil.example"}):
        headers = kept_road.headers(kept_road.app.ann, **more)
        ordinary = kept_road.app.client.get(path, headers=headers)
        assert kept_road.take(path, headers)
        short = kept_road.answer()
        assert (short.status, short.body) == (ordinary.status_code, ordinary.data)
        assert short.status == status
        assert short.headers == {name: value for name, value in ordinary.headers.items() if name not in OWN}


def test_a_list_goes_on_by_its_cursor(road: Road) -> None:
    road.app.send(road.app.ann, to=str(road.app.cho.id), content="the second conversation")
    page = road.app.call(road.app.ann, "GET", "/conversations?limit=1").get_json()
    path = f"/conversations?limit=1&cursor={page['next_cursor']}"
    assert road.take(path, road.headers(road.app.ann))
    assert road.answer().body == road.app.call(road.app.ann, "GET", path).data


@pytest.mark.parametrize(
    "target",
    [
        "/chat/history",
        "/chat/history?",
        "/chat/history?conversation_id={room}&limit=0",
        "/chat/history?conversation_id={room}&limit=201",
        "/chat/history?conversation_id={room}&limit=many",
        "/chat/history?conversation_id={room}&before=-1",
        "/chat/history?conversation_id={room}&with={ben}",
        "/chat/history?conversation_id={room}&limit=1&limit=2",
        "/chat/history?conversation_id={room}&limit=",
        "/chat/history?conversation_id={room}&limit",
        "/chat/history?conversation_id={room}&",
        "/chat/history?&conversation_id={room}",
        "/chat/history?conversation_id={room}&limit=%31",
        "/chat/history?conversation_id={room}&limit=1=1",
        "/chat/history?conversation_id={room};limit=1",
        "/chat/history?conversation_id={room}#limit=1",
        "/chat/history/?conversation_id={room}",
        "//chat/history?conversation_id={room}",
        "http://x/chat/history?conversation_id={room}",
        "/conversations/{room}",
        "/search?q=hello",
        "/nothing",
        "",
    ],
)
def test_what_is_odd_is_left_to_the_ordinary_road(kept_road: Road, target: str) -> None:
    assert not kept_road.take(kept_road.fill(target), kept_road.headers(kept_road.app.ann))


def test_whoever_is_unknown_is_left_to_the_ordinary_road(kept_road: Road) -> None:
    path = f"/chat/history?conversation_id={kept_road.room}"
    assert not kept_road.take(path, {})
    assert not kept_road.take(path, {"Authorization": "Bearer new"})
    assert not kept_road.take(path, {"Authorization": "Basic YTpi"})
    assert not kept_road.take(path, {"Cookie": "pulse_access=new"})
    # Reading changes nothing: a cookie counts wherever it comes from, and whose page may read the answer is told.
    assert kept_road.take(
        path,
        {"Cookie": f"a=b; pulse_access={kept_road.tokens[kept_road.app.ann.id]}", "Origin": "https://evil.example"},
    )
    answer = kept_road.answer()
    assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (200, False)


def test_another_method_or_a_body_is_left_to_the_ordinary_road(kept_road: Road) -> None:
    headers = kept_road.headers(kept_road.app.ann)
    for method in ("POST", "HEAD", "OPTIONS", "get"):
        assert not kept_road.road.take(Request(f"{method} /conversations", headers, b""), None)
    assert not kept_road.road.take(Request("GET /conversations", headers, b"{}"), None)
    assert kept_road.take("/conversations", headers)
    assert kept_road.answer().status == 200


def test_an_answer_leaves_one_line_in_the_log_without_what_was_asked(kept_road: Road) -> None:
    with capture_logs() as lines:
        assert kept_road.take(f"/chat/history?conversation_id={kept_road.room}", kept_road.headers(kept_road.app.ann))
        kept_road.answer()
    [line] = lines
    assert (line["route"], line["status"], line["user_id"]) == ("/chat/history", 200, str(kept_road.app.ann.id))
    assert kept_road.room not in str(line)


def test_a_failure_is_told_in_the_contracts_shape_and_the_road_goes_on(road: Road, database: Database) -> None:
    path, headers = f"/chat/changes?conversation_id={road.room}", road.headers(road.app.ann)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("alter function public.list_changes rename to list_changes_of_before")
        assert road.take(path, headers)
        away = road.answer()
        ordinary = road.app.client.get(path, headers=headers)
        assert (away.status, away.body) == (ordinary.status_code, ordinary.data) == (503, ordinary.data)
        assert away.headers["Retry-After"] == ordinary.headers["Retry-After"]
        owner.execute(
            "create function public.list_changes(caller uuid, conversation_id uuid, after_seq bigint, page_limit "
            "integer) returns json language plpgsql as $$ begin return 1 / 0; end $$"
        )
        owner.execute("grant execute on function public.list_changes to service_role")
        assert road.take(path, headers)
        broken = road.answer()
        ordinary = road.app.client.get(path, headers=headers)
        assert (broken.status, broken.body) == (ordinary.status_code, ordinary.data)
        owner.execute("drop function public.list_changes")
        owner.execute("alter function public.list_changes_of_before rename to list_changes")
    assert road.take(path, headers)
    assert road.answer().status == 200


def test_more_than_can_wait_have_the_ordinary_road(road: Road, database: Database) -> None:
    headers, taken = road.headers(road.app.ann), 0
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("lock table public.conversations")
        while road.take("/conversations", headers, taken):
            taken += 1
        assert taken == WAITING
        owner.rollback()
    tickets = {road.replies.get(timeout=20)[0] for _ in range(taken)}
    assert tickets == set(range(WAITING))
    road.road.set_out()  # nobody waits any more
    assert road.replies.empty()
    assert road.take("/conversations", headers)
    assert road.answer().status == 200


def test_who_waits_too_long_for_a_thread_is_told_to_come_again(road: Road, database: Database) -> None:
    headers = road.headers(road.app.ann)
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("lock table public.conversations")
        for ticket in range(THREADS + 2):
            assert road.take("/conversations", headers, ticket)
        while len(road.road._waiting) > 2:
            pass
        road.road._looked_at = float("-inf")
        road.road.set_out()
        assert road.replies.empty()  # they have not waited long
        road.road.wait_seconds, road.road._looked_at = 0.0, float("-inf")
        road.road.set_out()
        late = [road.replies.get(timeout=20) for _ in range(2)]
        assert {ticket for ticket, _ in late} == {THREADS, THREADS + 1}
        for _, reply in late:
            assert (reply.status, orjson.loads(reply.body)["code"]) == (503, "unavailable")
        owner.rollback()
    assert {road.replies.get(timeout=20)[1].status for _ in range(THREADS)} == {200}
    assert road.take("/conversations", headers)
    assert road.answer().status == 200


def test_pages_come_from_redis_by_this_road_too(database_url: str, redis_server: RedisServer) -> None:
    redis_server.up()
    redis_server.clear()
    with running_app(database_url, REDIS_URL=redis_server.url) as app:
        road = Road(app)
        path, headers = f"/chat/history?conversation_id={road.room}", road.headers(app.ann)
        first = app.client.get(path, headers=headers).data
        for _ in range(2):
            assert road.take(path, headers)
            assert road.answer().body == first
        app.send(app.ben, conversation_id=road.room, content="and one more")
        assert road.take(path, headers)
        assert b"and one more" in road.answer().body
        assert road.take(path, road.headers(app.cho))
        assert road.answer().status == 404
