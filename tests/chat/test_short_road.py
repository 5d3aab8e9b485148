"""The short road before a real batcher and Postgres: limits, refusals of single items, and what it leaves alone."""

from __future__ import annotations

import json
import queue
from typing import Any
from uuid import uuid4

import pytest

from services.chat.messages.lane import WAITING_ITEMS
from services.chat.messages.short_road import SendRoad
from shared.short_road import EXTENSION, Replies, Reply, Request
from tests.chat.conftest import ChatApp, running_app
from tests.engines import RedisServer
from tests.people import Known


class Road:
    """The road of an app, with a room of ann and ben; every token was verified once."""

    def __init__(self, app: ChatApp) -> None:
        self.app = app
        self.road: SendRoad = app.client.application.extensions[EXTENSION][0]
        self.replies: queue.SimpleQueue[tuple[Any, Reply]] = queue.SimpleQueue()
        self.road.open(self._keep)
        self.tokens = {who.id: app.signer.token(who.id) for who in (app.ann, app.ben, app.cho)}
        for token in self.tokens.values():
            self.road._identity.verifier.verify(token)
        self.room: str = app.send(app.ann, to=str(app.ben.id), content="hello").get_json()["conversation_id"]

    def _keep(self, replies: Replies) -> None:
        for reply in replies:
            self.replies.put(reply)

    def take(self, who: Known, ticket: str, **changed: Any) -> bool:
        body = {"conversation_id": self.room, "content": ticket, **changed}
        headers = {"Authorization": f"Bearer {self.tokens[who.id]}", "Content-Type": "application/json"}
        return self.road.take(Request("POST /chat/send", headers, json.dumps(body).encode()), ticket)

    def answers(self, count: int) -> dict[str, tuple[int, dict[str, str], dict[str, Any]]]:
        """By ticket: status, headers, body."""
        self.road.set_out()
        found = [self.replies.get(timeout=20) for _ in range(count)]
        return {ticket: (reply.status, dict(reply.headers), json.loads(reply.body)) for ticket, reply in found}


@pytest.fixture
def road(app: ChatApp) -> Road:
    return Road(app)


def test_what_is_read_in_one_round_is_answered_each_by_itself(road: Road) -> None:
    app = road.app
    assert all(road.take(who, str(n)) for n, who in enumerate((app.ann, app.cho, app.ben)))
    answers = road.answers(3)
    assert [answers[str(n)][0] for n in range(3)] == [201, 404, 201]
    assert answers["1"][2]["code"] == "conversation_not_found"
    assert [answers["0"][2]["seq"], answers["2"][2]["seq"]] == [3, 4]
    assert app.call(app.ben, "GET", f"/messages/{answers['0'][2]['id']}").get_json() == answers["0"][2]


def test_a_known_recipient_is_taken_and_one_to_be_looked_up_is_not(road: Road) -> None:
    app = road.app
    assert road.take(app.ann, "known", conversation_id=None, to=str(app.ben.id))
    assert road.answers(1)["known"][0] == 201
    assert not road.take(app.ann, "unknown", conversation_id=None, to=str(app.cho.id))
    assert not road.take(app.ann, "nobody", conversation_id=None, to=str(uuid4()))
    assert not road.take(app.ann, "attached", attachments=[str(uuid4())])


def test_an_unknown_token_another_type_or_another_route_is_left_to_the_ordinary_road(road: Road) -> None:
    app = road.app
    body = json.dumps({"conversation_id": road.room, "content": "x"}).encode()
    known = {"Authorization": f"Bearer {road.tokens[app.ann.id]}", "Content-Type": "application/json"}
    assert not road.road.take(Request("POST /chat/send", {**known, "Authorization": "Bearer new"}, body), 1)
    assert not road.road.take(Request("POST /chat/send", {**known, "Content-Type": "text/plain"}, body), 1)
    assert not road.road.take(Request("POST /chat/send?x=1", known, body), 1)
    assert not road.road.take(Request("POST /chat/send", known, b"{"), 1)
    assert road.road.take(Request("POST /messages", known, body), "alias")
    assert road.answers(1)["alias"][0] == 201


def test_a_cookie_counts_from_the_pages_and_from_nowhere_else(road: Road) -> None:
    body = json.dumps({"conversation_id": road.room, "content": "x"}).encode()
    cookie = {"Cookie": f"a=b; pulse_access={road.tokens[road.app.ann.id]}", "Content-Type": "application/json"}
    assert not road.road.take(Request("POST /chat/send", cookie, body), 1)
    assert not road.road.take(Request("POST /chat/send", {**cookie, "Origin": "https://evil.example"}, body), 1)
    assert road.road.take(Request("POST /chat/send", {**cookie, "Origin": "http://localhost:3000"}, body), "pages")
    status, headers, _ = road.answers(1)["pages"]
    assert (status, headers["Access-Control-Allow-Origin"]) == (201, "http://localhost:3000")


def test_a_limit_of_this_process_is_told_by_the_ordinary_road(database_url: str) -> None:
    with running_app(database_url, SENDS_PER_MINUTE="3") as app:
        road = Road(app)  # which sent one
        assert [road.take(app.ann, str(n)) for n in range(3)] == [True, True, False]
        assert road.take(app.ben, "ben")
        assert {status for status, _, _ in road.answers(3).values()} == {201}


def test_a_full_queue_is_told_at_once_instead_of_counting_twice(database_url: str) -> None:
    with running_app(database_url, SENDS_PER_MINUTE="2000") as app:
        road = Road(app)  # which sent one
        assert all(road.take(app.ann, str(n)) for n in range(WAITING_ITEMS + 1))
        ticket, refused = road.replies.get(timeout=20)
        assert (ticket, refused.status, json.loads(refused.body)["code"]) == (str(WAITING_ITEMS), 503, "busy")
        assert refused.headers["Retry-After"] == "1"
        assert {status for status, _, _ in road.answers(WAITING_ITEMS).values()} == {201}
        assert road.take(app.ann, "and on")
        assert road.answers(1)["and on"][0] == 201


def test_a_limit_in_redis_is_asked_for_all_of_a_round(database_url: str, redis_server: RedisServer) -> None:
    redis_server.up()
    redis_server.clear()
    with running_app(database_url, SENDS_PER_MINUTE="3", REDIS_URL=redis_server.url) as app:
        road = Road(app)
        assert all(road.take(app.ann, str(n)) for n in range(4))
        assert road.take(app.ben, "ben")
        answers = road.answers(5)
    assert sorted(answers[str(n)][0] for n in range(4)) == [201, 201, 429, 429]
    assert answers["ben"][0] == 201
    refused = next(answer for answer in answers.values() if answer[0] == 429)
    assert (refused[2]["code"], int(refused[1]["Retry-After"]) >= 1) == ("too_many_requests", True)


def test_without_its_redis_sends_go_on(database_url: str, redis_server: RedisServer) -> None:
    redis_server.up()
    with running_app(database_url, REDIS_URL=redis_server.url) as app:
        road = Road(app)
        redis_server.kill()
        try:
            assert all(road.take(app.ann, str(n)) for n in range(4))
            assert [answer[0] for answer in road.answers(4).values()] == [201] * 4
        finally:
            redis_server.up()
