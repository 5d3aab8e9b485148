"""Pages of history come from Redis where they can, and are always those the database would give."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY

from services.chat.messages.history import KEPT_SECONDS
from services.chat.optional_redis import AWAY_SECONDS
from tests.chat.conftest import ChatApp, running_app
from tests.engines import RedisServer
from tests.people import Known
from tests.system.waiting import eventually


@pytest.fixture
def app(database_url: str, redis_server: RedisServer) -> Iterator[ChatApp]:
    redis_server.up()
    redis_server.clear()
    with running_app(database_url, REDIS_URL=redis_server.url) as app:
        yield app
    redis_server.up()


@pytest.fixture
def room(app: ChatApp) -> str:
    """ann and ben share it; three messages."""
    for content in ("one", "two", "three"):
        app.send(app.ann, to=str(app.ben.id), content=content)
    return str(app.send(app.ben, to=str(app.ann.id), content="four").get_json()["conversation_id"])


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("pulse_history_pages_total", {"outcome": outcome}) or 0.0


def count_calls(*outcomes: str) -> float:
    """Questions of history's that Redis was asked, or was not."""
    names = outcomes or ("answered", "failed", "spared", "refused")
    found = [REGISTRY.get_sample_value("pulse_redis_calls_total", {"purpose": "history", "outcome": n}) for n in names]
    return sum(value or 0.0 for value in found)


def read(app: ChatApp, who: Known, **query: Any) -> dict[str, Any]:
    answer = app.call(who, "GET", "/chat/history", query_string=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.get_json()
    return page


def list_history(app: ChatApp, who: Known, conversation_id: str, **asked: Any) -> dict[str, Any]:
    """The page straight from the database."""
    usual = {"peer": None, "before_seq": None, "after_seq": None, "page_limit": 50}
    page: dict[str, Any] = app.state.database.call(
        "list_history", caller=who.id, conversation_id=conversation_id, **{**usual, **asked}
    )
    return page


def test_a_page_read_again_comes_from_redis_and_is_the_same_for_every_member(
    app: ChatApp, room: str, redis_server: RedisServer
) -> None:
    hits, misses = count("hit"), count("miss")
    first = read(app, app.ann, conversation_id=room)
    again = read(app, app.ann, conversation_id=room)
    of_ben = read(app, app.ben, **{"with": str(app.ann.id)})

    assert first == again == of_ben == list_history(app, app.ann, room)
    assert (count("hit") - hits, count("miss") - misses) == (2, 1)
    with redis_server.connect() as redis:
        (key,) = redis.keys("pulse:history:*")
        assert 0 < redis.ttl(key) <= KEPT_SECONDS


def test_nobody_else_is_given_a_kept_page(app: ChatApp, room: str) -> None:
    read(app, app.ann, conversation_id=room)

    outside = app.call(app.cho, "GET", "/chat/history", query_string={"conversation_id": room})
    nobody = app.call(None, "GET", "/chat/history", query_string={"conversation_id": room})

    assert (outside.status_code, outside.get_json()["code"]) == (404, "conversation_not_found")
    assert nobody.status_code == 401


def test_whoever_left_is_not_given_a_kept_page(app: ChatApp, room: str, owner_url: str) -> None:
    read(app, app.ben, conversation_id=room)
    with psycopg.connect(owner_url) as owner:
        owner.execute("delete from members where user_id = %s", [app.ben.id])

    assert app.call(app.ben, "GET", "/chat/history", query_string={"conversation_id": room}).status_code == 404
    assert read(app, app.ann, conversation_id=room)["messages"]


def test_what_was_just_sent_is_in_the_next_page(app: ChatApp, room: str) -> None:
    for number in range(5):
        sent = app.send(app.ann, conversation_id=room, content=f"more {number}").get_json()
        for who in (app.ann, app.ben):
            page = read(app, who, conversation_id=room)
            assert (page["messages"][-1], page["last_seq"]) == (sent, sent["seq"])


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_a_changed_message_is_shown_changed(app: ChatApp, room: str, change: str) -> None:
    message = read(app, app.ann, conversation_id=room)["messages"][0]
    if change == "edit":
        answer = app.call(app.ann, "PATCH", f"/messages/{message['id']}", json={"content": "changed"})
    else:
        answer = app.call(app.ann, "DELETE", f"/messages/{message['id']}")
    assert answer.status_code == 200, answer.text

    for who in (app.ben, app.ann):
        page = read(app, who, conversation_id=room)
        assert page["messages"][0]["content"] == ("changed" if change == "edit" else None)
        assert page == list_history(app, who, room)


def test_different_questions_get_different_pages(app: ChatApp, room: str) -> None:
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"limit": 10}, {"page_limit": 10}),
        ({"before": 0}, {"before_seq": 0}),
        ({"before": 4}, {"before_seq": 4}),
        ({"after": 0}, {"after_seq": 0}),
        ({"after": 3}, {"after_seq": 3}),
        ({"after": 2, "before": 4}, {"after_seq": 2, "before_seq": 4}),
    ]
    for _ in range(2):
        for query, arguments in asked:
            page = read(app, app.ann, conversation_id=room, **query)
            assert page == list_history(app, app.ann, room, **arguments)


def test_a_conversation_that_is_not_there_yet_is_empty_and_not_kept(app: ChatApp, redis_server: RedisServer) -> None:
    page = read(app, app.ann, **{"with": str(app.cho.id)})

    assert page == {"conversation_id": None, "messages": [], "has_more": False, "last_seq": 0}
    sent = app.send(app.cho, to=str(app.ann.id), content="first").get_json()
    assert read(app, app.ann, **{"with": str(app.cho.id)})["messages"] == [sent]
    unknown = app.call(app.ann, "GET", "/chat/history", query_string={"with": str(uuid4())})
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "user_not_found")


def test_few_messages_are_not_asked_of_redis(app: ChatApp, room: str, redis_server: RedisServer) -> None:
    read(app, app.ann, conversation_id=room, limit=9)

    with redis_server.connect() as redis:
        assert redis.keys("pulse:history:*") == []


def test_a_page_that_is_too_large_is_not_kept(
    app: ChatApp, room: str, redis_server: RedisServer, owner_url: str
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("update messages set content = %s where seq = 2", ["x" * 8_000])
        for seq in range(6, 46):
            owner.execute(
                "insert into messages (id, conversation_id, seq, changed_seq, sender_id, content, request_hash)"
                " values (gen_random_uuid(), %s, %s, %s, %s, %s, '')",
                [room, seq, seq, app.ann.id, secrets.token_hex(4_000)],
            )
        owner.execute("update conversations set last_seq = 45 where id = %s", [room])

    assert read(app, app.ann, conversation_id=room) == list_history(app, app.ann, room)
    with redis_server.connect() as redis:
        assert redis.keys("pulse:history:*") == []
    read(app, app.ann, conversation_id=room, limit=10)
    with redis_server.connect() as redis:
        assert len(redis.keys("pulse:history:*")) == 1


def test_a_database_restored_from_a_backup_is_not_mixed_with_what_was_kept(
    app: ChatApp, room: str, owner_url: str
) -> None:
    old = app.send(app.ann, conversation_id=room, content="after the backup").get_json()
    assert read(app, app.ben, conversation_id=room)["messages"][-1] == old
    with psycopg.connect(owner_url) as owner:  # as the backup had it
        owner.execute("delete from outbox where seq = %s", [old["seq"]])
        owner.execute("delete from conversation_log where seq = %s", [old["seq"]])
        owner.execute("delete from messages where seq = %s", [old["seq"]])
        owner.execute("update conversations set last_seq = last_seq - 1 where id = %s", [room])

    new = app.send(app.ann, conversation_id=room, content="after the restore").get_json()

    assert new["seq"] == old["seq"]
    assert read(app, app.ben, conversation_id=room)["messages"][-1] == new


def test_what_is_no_page_is_not_shown(app: ChatApp, room: str, redis_server: RedisServer) -> None:
    page = read(app, app.ann, conversation_id=room)
    with redis_server.connect() as redis:
        (key,) = redis.keys("pulse:history:*")
        redis.set(key, b"\x00 no page of ours")

    assert read(app, app.ann, conversation_id=room) == page


def test_without_redis_pages_come_from_the_database_and_afterwards_from_redis_again(
    app: ChatApp, room: str, redis_server: RedisServer
) -> None:
    page = read(app, app.ann, conversation_id=room)
    redis_server.kill()
    errors = count("error")
    assert [read(app, app.ann, conversation_id=room) for _ in range(5)] == [page] * 5
    assert count("error") - errors == 5

    redis_server.up()

    def hit() -> bool:
        hits = count("hit")
        assert read(app, app.ann, conversation_id=room) == page
        return count("hit") > hits

    eventually(hit, "a page from Redis", pause=0.1)


def test_a_redis_that_hangs_holds_up_one_reader_in_two_seconds(
    app: ChatApp, room: str, redis_server: RedisServer
) -> None:
    page = read(app, app.ann, conversation_id=room)
    asked, waited = count_calls(), count_calls("failed")
    redis_server.pause()
    try:
        began = time.monotonic()
        reads = 0
        while time.monotonic() - began < AWAY_SECONDS * 0.9:
            assert read(app, app.ann, conversation_id=room) == page
            reads += 1
        assert count_calls("failed") - waited <= 2  # two, where the last read came late
        assert count_calls() - asked >= reads
    finally:
        redis_server.resume()


def test_readers_among_writers_never_see_less_than_was_acknowledged(app: ChatApp, room: str) -> None:
    acknowledged, stopping = [0], threading.Event()

    def write() -> None:
        for number in range(60):
            acknowledged[0] = app.send(app.ann, conversation_id=room, content=f"{number}").get_json()["seq"]
        stopping.set()

    writer = threading.Thread(target=write)
    writer.start()
    reader = app.client.application.test_client()
    headers = {"Authorization": f"Bearer {app.signer.token(app.ben.id)}"}
    while not stopping.is_set():
        least = acknowledged[0]
        page = reader.get(f"/chat/history?conversation_id={room}&limit=20", headers=headers).get_json()
        seqs = [message["seq"] for message in page["messages"]]
        assert page["last_seq"] >= least
        assert seqs == list(range(seqs[0], page["last_seq"] + 1))
    writer.join()
    assert read(app, app.ben, conversation_id=room) == list_history(app, app.ben, room)


def test_readiness_tells_of_a_redis_that_is_away_and_chat_stays_ready(app: ChatApp, redis_server: RedisServer) -> None:
    with_redis = app.client.get("/readyz")
    redis_server.kill()
    without = app.client.get("/readyz")

    assert (with_redis.status_code, with_redis.get_json()["dependencies"]["redis"]) == (200, "ok")
    assert (without.status_code, without.get_json()["dependencies"]["redis"]) == (200, "not answering")
