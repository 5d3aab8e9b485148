"""How much one person may send, and how often typing is told: over all processes where there is Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chat.conversations.typists import Typists
from services.chat.optional_redis import OptionalRedis
from services.chat.rate_limits import SendLimit
from services.chat.settings import ChatSettings
from shared.errors import TooManyRequests
from shared.redis_connection import RedisSettings, connect_redis
from shared.settings import SettingsError
from tests.chat.conftest import ChatApp, running_app
from tests.engines import RedisServer
from tests.system.waiting import eventually

ANN, BEN = UUID(int=1), UUID(int=2)
REDIS_SECONDS = 3.0


@pytest.fixture
def connect(redis_server: RedisServer) -> Iterator[Callable[[], OptionalRedis]]:
    """What each process has of its own."""
    redis_server.up()
    redis_server.clear()
    made: list[OptionalRedis] = []

    def connect() -> OptionalRedis:
        settings = RedisSettings.read({"PORT": "1", "REDIS_URL": redis_server.url})
        # Its own are a quarter: a busy machine's Redis takes that now and then, and each would limit by itself.
        client = connect_redis(settings, connect_seconds=REDIS_SECONDS, read_seconds=REDIS_SECONDS)
        found = OptionalRedis(client, settings.redis_prefix)
        made.append(found)
        return found

    yield connect
    for one in made:
        one.close()
    redis_server.up()


def take_all(limit: SendLimit, user_id: UUID) -> int:
    """How many were given until one was refused."""
    return take_until_refused(limit, user_id)[0]


def take_until_refused(limit: SendLimit, user_id: UUID) -> tuple[int, TooManyRequests]:
    for given in range(10_000):
        try:
            limit.take(user_id)
        except TooManyRequests as refused:
            return given, refused
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize("shared", [True, False], ids=["in Redis", "in the process"])
def test_a_bucket_gives_what_it_holds_and_then_one_at_a_time(
    connect: Callable[[], OptionalRedis], shared: bool
) -> None:
    limit = SendLimit(30, connect() if shared else None)
    began = time.monotonic()

    given, refused = take_until_refused(limit, ANN)
    assert 30 <= given <= most_since(began, 30)
    assert refused.retry_after_seconds in (1, 2)
    assert 30 <= take_all(limit, BEN) <= most_since(began, 30)  # somebody else has a bucket of their own
    eventually(lambda: _given(limit, ANN), "one more", pause=0.1)


def most_since(began: float, per_minute: int, buckets: int = 1) -> float:
    """What so many buckets hold, and what they got back meanwhile."""
    return buckets * (per_minute + per_minute / 60 * (time.monotonic() - began) + 1)


def _given(limit: SendLimit, user_id: UUID) -> bool:
    try:
        limit.take(user_id)
    except TooManyRequests:
        return False
    return True


def test_processes_share_one_bucket_through_redis(connect: Callable[[], OptionalRedis]) -> None:
    limits = [SendLimit(60, connect()) for _ in range(3)]
    began = time.monotonic()

    with ThreadPoolExecutor(6) as pool:
        given = sum(pool.map(lambda number: take_all(limits[number % 3], ANN), range(6)))

    assert 60 <= given <= most_since(began, 60)


def test_processes_without_redis_have_a_bucket_each() -> None:
    limits = [SendLimit(60, None) for _ in range(3)]

    assert sum(take_all(limit, ANN) for limit in limits) >= 180


def test_what_redis_keeps_of_a_person_goes_by_itself(
    connect: Callable[[], OptionalRedis], redis_server: RedisServer
) -> None:
    SendLimit(600, connect()).take(ANN)

    with redis_server.connect() as redis:
        assert 0 < redis.pttl(f"pulse:sends:{ANN}") <= 100


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_without_redis_each_process_limits_by_itself(
    connect: Callable[[], OptionalRedis], redis_server: RedisServer, fault: str
) -> None:
    one, other = (SendLimit(60, connect()) for _ in range(2))
    take_all(one, ANN)
    redis_server.kill() if fault == "killed" else redis_server.pause()
    began = time.monotonic()

    given = [take_all(one, ANN), take_all(other, ANN)]

    assert all(60 <= count <= most_since(began, 60) for count in given)
    assert time.monotonic() - began < 20  # and not seconds for each
    redis_server.up()
    eventually(lambda: take_all(one, BEN) and not _given(other, BEN), "one bucket again", pause=0.1)


@pytest.fixture
def app(database_url: str) -> Iterator[ChatApp]:
    with running_app(database_url, SENDS_PER_MINUTE="60") as app:
        yield app


def test_too_many_sends_are_refused_and_the_same_message_goes_through_later(app: ChatApp) -> None:
    body: dict[str, Any] = {}
    accepted = 0
    while True:
        body = {"to": str(app.ben.id), "content": f"message {accepted}", "id": str(uuid4())}
        answer = app.send(app.ann, **body)
        if answer.status_code == 429:
            break
        accepted += 1
        assert accepted < 200

    assert accepted >= 60
    assert answer.get_json()["code"] == "too_many_requests"
    assert answer.headers["Retry-After"] == "1"
    assert app.send(app.ben, to=str(app.ann.id), content="I may").status_code == 201
    again = eventually(lambda: _sent(app, body), "the same message", pause=0.1)
    assert again["id"] == body["id"]


def _sent(app: ChatApp, body: dict[str, Any]) -> Any:
    answer = app.send(app.ann, **body)
    assert answer.status_code in (201, 429)
    return answer.get_json() if answer.status_code == 201 else None


def test_edits_deletions_and_changes_of_groups_are_taken_from_the_same_bucket(app: ChatApp) -> None:
    message = app.send(app.ann, to=str(app.ben.id), content="hello").get_json()
    group = app.call(
        app.ann, "POST", "/conversations", json={"kind": "group", "name": "Room", "members": []}
    ).get_json()
    member = f"/conversations/{group['id']}/members/{app.cho.id}"
    changes: list[tuple[str, str, Any]] = [
        ("PATCH", f"/messages/{message['id']}", {"content": "changed"}),
        ("DELETE", f"/messages/{message['id']}", None),
        ("POST", "/conversations", {"kind": "group", "name": "Another", "members": [str(app.ben.id)]}),
        ("POST", "/conversations", {"kind": "direct", "member": str(app.cho.id)}),
        ("PATCH", f"/conversations/{group['id']}", {"name": "Renamed"}),
        ("PUT", member, {}),
        ("DELETE", member, None),
    ]
    statuses = [app.call(app.ann, method, path, json=body).status_code for method, path, body in changes]
    assert statuses == [200, 200, 201, 201, 200, 200, 204]

    for method, path, body in changes:
        take_all(app.state.send_limit, app.ann.id)
        answer = app.call(app.ann, method, path, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (429, "too_many_requests"), (method, path)
        assert answer.headers["Retry-After"] == "1"
    for path in (f"/messages/{message['id']}", f"/conversations/{group['id']}", "/conversations"):
        assert app.call(app.ann, "GET", path).status_code == 200  # reading goes on
    answer = app.call(app.ben, "POST", "/conversations", json={"kind": "direct", "member": str(app.cho.id)})
    assert answer.status_code == 201  # and so do the others


def test_a_limit_below_one_is_no_setting() -> None:
    with pytest.raises(SettingsError) as refused:
        ChatSettings.read({"SENDS_PER_MINUTE": "0", "SERVICE_TOKEN": "x" * 32, "DATABASE_URL": "postgresql://a/b"})
    assert [line.split(":")[0] for line in refused.value.problems] == ["SENDS_PER_MINUTE"]


def test_typing_is_told_once_by_all_processes_in_two_seconds(connect: Callable[[], OptionalRedis]) -> None:
    here, there = Typists(connect()), Typists(connect())
    room, other_room = uuid4(), uuid4()

    assert here.may_tell(ANN, room)
    assert here.note(ANN, room)
    assert not here.may_tell(ANN, room)
    assert not there.may_tell(ANN, room)
    assert not there.note(ANN, room)  # had both asked at the same moment
    assert there.may_tell(BEN, room)
    assert there.may_tell(ANN, other_room)
    eventually(lambda: here.may_tell(ANN, room), "the next time", pause=0.1)


def test_without_redis_typing_is_told_by_each_process(
    connect: Callable[[], OptionalRedis], redis_server: RedisServer
) -> None:
    here, there = Typists(connect()), Typists(connect())
    room = uuid4()
    redis_server.kill()

    assert here.may_tell(ANN, room)
    assert here.note(ANN, room)
    assert not here.may_tell(ANN, room)
    assert there.may_tell(ANN, room)
