"""POST /deliver: everyone meant, nobody else, in order, the same bytes, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.websocket.clients import Client, RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service

Connect = Callable[..., Client]
TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
def test_every_device_of_every_recipient_hears_it_and_outsiders_do_not(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, ben: str, cho: str, transports: list[str]
) -> None:
    phone, laptop = (connect(neighbours.sign(ann), transports=transports) for _ in range(2))
    bens = connect(neighbours.sign(ben), transports=transports)
    chos = connect(neighbours.sign(cho), transports=transports)
    assert service.deliver([ann, ben], ("typing", {"until": "now", "text": "žluťoučký 🐎 \u2028"})) == 1
    for client in (phone, laptop, bens):
        assert client.wait_for("typing") == [{"until": "now", "text": "žluťoučký 🐎 \u2028"}]
    service.deliver([cho], ("resync", {}))
    assert chos.wait_for("resync") == [{}]
    assert chos.of("typing") == []


def test_a_large_group_is_told_as_it_is_now_however_often_it_was_told_before(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, ben: str, cho: str
) -> None:
    group = [ann, ben, *(str(uuid4()) for _ in range(60))]
    first, chos = connect(neighbours.sign(ann)), connect(neighbours.sign(cho))
    service.deliver(group, ("typing", {"n": 1}))
    first.wait_for("typing")
    second, bens = connect(neighbours.sign(ann)), connect(neighbours.sign(ben))
    service.deliver(group, ("typing", {"n": 2}))
    for client in (second, bens):
        assert client.wait_for("typing") == [{"n": 2}]
    first.close()
    service.deliver([*group[:1], cho, *group[2:]], ("typing", {"n": 3}))  # as many, but cho instead of ben
    service.deliver(group, ("typing", {"n": 4}))
    assert chos.wait_for("typing") == [{"n": 3}]
    assert second.wait_for("typing", 3)[1:] == [{"n": 3}, {"n": 4}]
    assert bens.wait_for("typing", 2) == [{"n": 2}, {"n": 4}]
    assert first.of("typing")[:2] == [{"n": 1}, {"n": 2}]


def test_a_recipient_named_twice_hears_it_once(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    client = connect(neighbours.sign(ann))
    service.deliver([ann, ann, ann.upper()], ("resync", {}))
    service.deliver([ann], ("typing", {}))
    client.wait_for("typing")
    assert len(client.of("resync")) == 1


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
def test_each_client_hears_everything_once(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, transports: list[str]
) -> None:
    client = connect(neighbours.sign(ann), transports=transports)
    for batch in range(20):
        service.deliver([ann], *(("read", {"n": batch * 20 + n, "filler": "x" * (n * 97)}) for n in range(20)))
    heard = client.wait_for("read", 400)
    assert sorted(data["n"] for data in heard) == list(range(400))


def test_a_raw_client_hears_in_the_order_of_delivery(
    service: Service, connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    for batch in range(20):
        service.deliver([ann], *(("read", {"n": batch * 20 + n, "filler": "x" * (n * 97)}) for n in range(20)))
    heard = [json.loads(client.read()[1][2:])[1]["n"] for _ in range(400)]
    assert heard == list(range(400))


def test_every_recipient_gets_the_same_bytes(
    service: Service, connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str, ben: str
) -> None:
    clients = [connect_raw(neighbours.sign(who)) for who in (ann, ann, ben)]
    data = {"until": 1.5, "text": "ž" * 40_000, "nested": {"b": [None, True], "a": ""}}
    service.deliver([ann, ben], ("typing", data))
    frames = [client.read() for client in clients]
    assert frames[0] == frames[1] == frames[2]
    assert json.loads(frames[0][1][2:]) == ["typing", data]
    assert frames[0][0][0] == 0x81  # one final text frame


def test_accepted_counts_events_of_deliveries_connected_or_not(service: Service, ann: str, ben: str) -> None:
    resync = {"event": "resync", "data": {}}
    body = {"deliveries": [{"to": [ann], "events": [resync, resync]}, {"to": [ann, ben], "events": [resync]}]}
    answer = service.post("/deliver", body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
    assert service.post("/deliver", {"deliveries": []}).json() == {"accepted": 0}


@pytest.mark.parametrize("event", ["message.eaten", "session.ended", "session.expiring", "connect", ""])
def test_an_event_nobody_may_send_is_named_and_nothing_is_delivered(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, event: str
) -> None:
    client = connect(neighbours.sign(ann))
    good = {"to": [ann], "events": [{"event": "typing", "data": {}}]}
    bad = {"to": [ann], "events": [{"event": "typing", "data": {}}, {"event": event, "data": {}}]}
    answer = service.post("/deliver", {"deliveries": [good, good, good, bad]})
    assert answer.status_code == 422
    assert [field["field"] for field in answer.json()["fields"]] == ["deliveries.3.events.1.event"]
    service.deliver([ann], ("resync", {}))
    client.wait_for("resync")
    assert client.of("typing") == []


@pytest.mark.parametrize(
    ("delivery", "field"),
    [
        ({"to": ["ann"], "events": []}, "deliveries.0.to.0"),
        ({"to": "ann", "events": []}, "deliveries.0.to"),
        ({"to": [], "events": [{"event": "typing", "data": []}]}, "deliveries.0.events.0.data"),
        ({"to": [], "events": [{"event": "typing", "data": None}]}, "deliveries.0.events.0.data"),
        ({"to": [], "events": [{"event": "typing"}]}, "deliveries.0.events.0.data"),
        ({"to": [], "events": [{"event": 7, "data": {}}]}, "deliveries.0.events.0.event"),
        ({"events": []}, "deliveries.0.to"),
    ],
)
def test_what_is_malformed_is_named(service: Service, delivery: object, field: str) -> None:
    answer = service.post("/deliver", {"deliveries": [delivery]})
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"] == field


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_json_lacks_are_refused(service: Service, ann: str, number: str) -> None:
    # A browser's JSON.parse would throw, and its client would drop the connection.
    body = json.dumps({"deliveries": [{"to": [ann], "events": [{"event": "typing", "data": {"n": "N"}}]}]})
    body = body.replace('"N"', number)
    headers = {"Content-Type": "application/json", "Authorization": service.bearer}
    answer = service.http.post(service.url + "/deliver", data=body, headers=headers, timeout=10)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(("method", "path"), [("POST", "/deliver"), ("POST", "/disconnect"), ("GET", "/online")])
@pytest.mark.parametrize("token", ["", "wrong", "a service token for the tests, long enough, not"])
def test_without_the_service_token_nothing_is_answered(service: Service, method: str, path: str, token: str) -> None:
    answer = service.post(path, {}, token) if method == "POST" else service.get(path + "?ids=", token)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_a_hundred_long_messages_fit_into_one_request(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    client = connect(neighbours.sign(ann))
    service.deliver([ann], *(("message.sent", {"content": "🐎" * 8_000, "seq": n}) for n in range(100)))
    heard = client.wait_for("message.sent", 100)
    assert heard[99] == {"content": "🐎" * 8_000, "seq": 99}


def test_what_is_too_large_is_refused(service: Service, ann: str) -> None:
    events = [{"event": "typing", "data": {"x": "x" * 17_000_000}}]
    answer = service.post("/deliver", {"deliveries": [{"to": [ann], "events": events}]})
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/deliver", 405)])
def test_errors_have_the_contracts_shape(service: Service, path: str, status: int) -> None:
    answer = service.get(path)
    assert answer.status_code == status
    assert {"code", "message"} <= answer.json().keys()


def test_it_documents_and_measures_itself(service: Service) -> None:
    paths = service.get("/openapi.json").json()["paths"]
    assert {"/deliver", "/disconnect", "/online"} <= paths.keys()
    assert service.get("/docs").ok
    assert service.metric("pulse_socket_deliveries_total") >= 0
    assert service.get("/readyz").json()["status"] == "ready"
