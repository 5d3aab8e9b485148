"""``GET /messages`` through chat's HTTP; and what the seeds' history got wrong."""

from __future__ import annotations

from typing import Any

from tests.chat.conftest import ChatApp


def read(app: ChatApp, who: Any, **query: Any) -> dict[str, Any]:
    answer = app.call(who, "GET", "/messages", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    page: dict[str, Any] = answer.get_json()
    return page


def test_all_messages_newest_first_page_by_page_and_to_each_their_own(app: ChatApp) -> None:
    sent = [
        app.send(sender, to=str(to.id), content=f"number {number}").get_json()
        for number, (sender, to) in enumerate(
            [(app.ann, app.ben), (app.ben, app.cho), (app.ben, app.ann), (app.cho, app.ben), (app.ann, app.ben)]
        )
    ]
    assert read(app, app.ben) == {"messages": sent[::-1], "next_cursor": None}
    first = read(app, app.ben, limit=2)
    second = read(app, app.ben, limit=2, cursor=first["next_cursor"])
    third = read(app, app.ben, limit=2, cursor=second["next_cursor"])
    assert first["messages"] + second["messages"] + third["messages"] == sent[::-1]
    assert third["next_cursor"] is None
    assert read(app, app.ann)["messages"] == [sent[4], sent[2], sent[0]]
    assert read(app, app.cho)["messages"] == [sent[3], sent[1]]


def test_a_message_sent_between_two_pages_moves_none_of_them(app: ChatApp) -> None:
    sent = [app.send(app.ann, to=str(app.ben.id), content=str(number)).get_json() for number in range(4)]
    first = read(app, app.ben, limit=2)
    app.send(app.ann, to=str(app.ben.id), content="meanwhile")
    assert read(app, app.ben, cursor=first["next_cursor"])["messages"] == [sent[1], sent[0]]


def test_a_bad_page_is_malformed_and_nobody_reads_without_signing_in(app: ChatApp) -> None:
    for query in ("limit=0", "limit=201", "limit=all", "cursor=nonsense", "cursor=5b312c325d"):
        answer = app.call(app.ann, "GET", f"/messages?{query}")
        assert (answer.status_code, answer.get_json()["code"]) == (422, "malformed"), query
    answer = app.call(None, "GET", "/messages")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "not_authenticated")


def test_history_is_of_two_people_in_the_order_sent_and_pages_both_ways(app: ChatApp) -> None:
    """One seed's filter named an operator that does not exist; it had neither pages nor an order."""
    app.send(app.cho, to=str(app.ben.id), content="from elsewhere")
    sent = [
        app.send(sender, to=str(to.id), content=str(number)).get_json()
        for number, (sender, to) in enumerate([(app.ann, app.ben), (app.ben, app.ann)] * 3)
    ]

    def page(**query: Any) -> tuple[list[Any], bool]:
        answer = app.call(app.ben, "GET", "/chat/history", query_string={"with": str(app.ann.id), **query}).get_json()
        return answer["messages"], answer["has_more"]

    assert page() == (sent, False)
    assert page(limit=2) == (sent[4:], True)
    assert page(limit=2, before=sent[4]["seq"]) == (sent[2:4], True)
    assert page(limit=2, before=sent[2]["seq"]) == (sent[:2], False)
    assert page(limit=4, after=sent[0]["seq"]) == (sent[1:5], True)
    assert page(after=sent[5]["seq"]) == ([], False)


def test_the_sender_is_whoever_signed_in_whatever_the_body_says(app: ChatApp) -> None:
    """One seed took ``sender_id`` from the body."""
    body = {"to": str(app.ben.id), "content": "hello", "sender_id": str(app.cho.id), "senderId": str(app.cho.id)}
    for path in ("/chat/send", "/messages"):
        sent = app.call(app.ann, "POST", path, json=body)
        assert (sent.status_code, sent.get_json()["sender_id"]) == (201, str(app.ann.id))
        assert app.call(None, "POST", path, json=body).status_code == 401


def test_every_route_the_seeds_name_is_there(app: ChatApp) -> None:
    """Their pages asked for addresses that nothing answered."""
    sent = app.send(app.ann, to=str(app.ben.id), content="hello").get_json()
    for path in (
        "/messages",
        f"/messages/{sent['id']}",
        f"/conversations/{sent['conversation_id']}",
        f"/chat/history?with={app.ann.id}",
    ):
        answer = app.call(app.ben, "GET", path)
        assert (answer.status_code, "hello" in answer.get_data(as_text=True)) == (200, True), path
