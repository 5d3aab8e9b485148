"""``GET /search`` through chat's HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg

from services.chat.search.indexer import Indexer
from tests.chat.conftest import ChatApp


def search(app: ChatApp, who: Any, **query: Any) -> dict[str, Any]:
    answer = app.call(who, "GET", "/search", query_string=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.get_json()
    return page


def test_what_was_said_is_found_at_once_and_the_same_once_it_is_indexed(app: ChatApp) -> None:
    sent = app.send(app.ann, to=str(app.ben.id), content="a 🐳 whale, WHALES").get_json()
    app.send(app.ann, to=str(app.ben.id), content="a shark")
    page = {"matches": [{"message": sent, "highlights": [[4, 9], [11, 17]]}], "next_cursor": None}
    assert search(app, app.ben, q="whale") == page
    indexer = Indexer(app.state.database)
    assert [indexer.index(), indexer.index()] == [False, False]
    assert search(app, app.ben, q="whale") == page


def test_nobody_finds_what_others_said_to_each_other(app: ChatApp) -> None:
    sent = app.send(app.ann, to=str(app.ben.id), content="a secret whale").get_json()
    assert search(app, app.ann, q="secret")["matches"][0]["message"] == sent
    assert search(app, app.cho, q="secret") == {"matches": [], "next_cursor": None}
    for place in (sent["conversation_id"], str(uuid4())):
        answer = app.call(app.cho, "GET", "/search", query_string={"q": "secret", "conversation_id": place})
        assert (answer.status_code, answer.get_json()["code"]) == (404, "conversation_not_found")
    assert app.call(None, "GET", "/search?q=secret").status_code == 401


def test_it_narrows_to_a_conversation_a_sender_and_a_time_and_pages(app: ChatApp) -> None:
    said = [
        app.send(sender, to=str(to.id), content=f"whale {number}").get_json()
        for number, (sender, to) in enumerate([(app.ann, app.ben), (app.ben, app.ann), (app.ben, app.cho)])
    ]

    def found(**query: Any) -> list[Any]:
        return [match["message"] for match in search(app, app.ben, q="whale", **query)["matches"]]

    assert found() == said[::-1]
    assert found(conversation_id=said[0]["conversation_id"]) == [said[1], said[0]]
    assert found(**{"from": str(app.ann.id)}) == [said[0]]
    assert found(before=said[2]["created_at"]) == [said[1], said[0]]
    assert found(before="2001-01-01T00:00:00+01:00") == []
    first = search(app, app.ben, q="whale", limit=2)
    assert [match["message"] for match in first["matches"]] == said[:0:-1]
    assert search(app, app.ben, q="whale", limit=2, cursor=first["next_cursor"]) == {
        "matches": [{"message": said[0], "highlights": [[0, 5]]}],
        "next_cursor": None,
    }


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "q"),
    ({"q": ""}, "q"),
    ({"q": "?!"}, "q"),
    ({"q": "a\0b"}, "q"),
    ({"q": "a" * 201}, "q"),
    ({"q": "a", "limit": 51}, "limit"),
    ({"q": "a", "limit": 0}, "limit"),
    ({"q": "a", "from": "ann"}, "from"),
    ({"q": "a", "conversation_id": "here"}, "conversation_id"),
    ({"q": "a", "before": "yesterday"}, "before"),
    ({"q": "a", "before": "1764000000"}, "before"),
    ({"q": "a", "before": "2026-01-01"}, "before"),
    ({"q": "a", "before": "2026-01-01T00:00:00"}, "before"),
    ({"q": "a", "before": "2026-02-31T00:00:00Z"}, "before"),
    ({"q": "a", "cursor": "nonsense"}, "cursor"),
]


def test_a_bad_question_is_told_where(app: ChatApp) -> None:
    for query, field in BAD:
        answer = app.call(app.ann, "GET", "/search", query_string=query)
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed"), query
        assert [problem["field"] for problem in answer.get_json()["fields"]] == [field]


def test_whatever_is_asked_is_only_text(app: ChatApp) -> None:
    for q in ("' or 1=1 --", "a & (b | !c) <-> d:*", "$$; drop table messages", "x" * 200, "é" * 200):
        app.send(app.ann, to=str(app.ben.id), content=f"there: {q}.")
        assert len(search(app, app.ben, q=q)["matches"]) == 1, q
    for q in ("\\", "%", "_", "<->"):
        assert app.call(app.ben, "GET", "/search", query_string={"q": q}).status_code == 422, q


def test_a_search_that_takes_too_long_is_busy_and_says_when_to_come_again(app: ChatApp, owner_url: str) -> None:
    app.send(app.ann, to=str(app.ben.id), content="a whale")
    with psycopg.connect(owner_url) as owner:
        owner.execute("lock table public.message_words in access exclusive mode")
        answer = app.call(app.ann, "GET", "/search?q=whale")
        assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
        assert answer.headers["Retry-After"] == "1"
    assert len(app.call(app.ann, "GET", "/search?q=whale").get_json()["matches"]) == 1
