"""Deliveries on the short road and on the ordinary one: the same answers, the same bytes, the same refusals."""

from __future__ import annotations

import json
import socket
import struct
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import ValidationError

from services.websocket.short_road import read_deliveries, read_people
from shared.wire import DeliverRequest
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import SERVICE_TOKEN, Neighbours
from tests.websocket.service import Service

ConnectRaw = Callable[..., RawClient]
# The second is read by Flask: the short road leaves whatever is not written as everybody writes it.
ROADS = ["application/json", "application/json; charset=utf-8"]
ids = some.uuids().map(str)
spelled = ids | ids.map(str.upper) | some.uuids().map(lambda one: one.hex) | some.text(max_size=40) | ids.map(" ".join)


def ask(body: bytes, *, media: str = ROADS[0], token: str = SERVICE_TOKEN, more: str = "") -> bytes:
    head = (
        f"POST /deliver HTTP/1.1\r\nHost: a\r\nContent-Type: {media}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body


def hear(made: socket.socket) -> tuple[int, set[str], bytes]:
    """Status, the names of the headers, body."""
    file = made.makefile("rb")
    status = int(file.readline().split()[1])
    headers: dict[str, str] = {}
    while (line := file.readline().decode().strip()) != "":
        name, _, value = line.partition(": ")
        headers[name.title()] = value
    body = file.read(int(headers["Content-Length"]))
    return status, set(headers) - {"Connection"}, body


def make_body(to: list[str], *events: tuple[str, object]) -> bytes:
    named = [{"event": event, "data": data} for event, data in events]
    return json.dumps({"deliveries": [{"to": to, "events": named, "request_id": "cause"}]}).encode()


@pytest.fixture
def made(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=10)


def test_both_roads_answer_and_write_alike(
    made: socket.socket, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    answers, frames = [], []
    body = make_body([ann.upper(), ann], ("typing", {"text": 'ž\u2028"\\ 🐎', "n": [1, 1.5, None, True, -0.0]}))
    for media in ROADS:
        made.sendall(ask(body.replace(ann.upper().encode(), ann.encode()), media=media))
        answers.append(hear(made))
        frames.append(client.read())
    assert answers[0] == answers[1]
    assert answers[0][0] == 202
    assert frames[0] == frames[1]
    made.close()


@pytest.mark.parametrize("media", ROADS, ids=["short", "ordinary"])
@pytest.mark.parametrize(
    ("body", "token", "status"),
    [
        (make_body(["ann"]), SERVICE_TOKEN, 422),
        (make_body([], ("message.eaten", {})), SERVICE_TOKEN, 422),
        (make_body([], ("session.ended", {})), SERVICE_TOKEN, 422),
        (make_body([], ("typing", [])), SERVICE_TOKEN, 422),
        (b"{", SERVICE_TOKEN, 400),
        (b"[]", SERVICE_TOKEN, 422),
        (b'{"deliveries":{}}', SERVICE_TOKEN, 422),
        (b'{"deliveries":""}', SERVICE_TOKEN, 422),
        (b'{"deliveries":[{"to":[],"events":{}}]}', SERVICE_TOKEN, 422),
        (b'{"deliveries":[{"to":[],"events":[],"request_id":7}]}', SERVICE_TOKEN, 422),
        (make_body([]), "wrong", 401),
        (make_body([]), SERVICE_TOKEN, 202),
    ],
    ids=[
        "nobody",
        "unknown",
        "our own",
        "no object",
        "no JSON",
        "a list",
        "an object",
        "a text",
        "events",
        "no id",
        "no service",
        "fine",
    ],
)
def test_both_roads_refuse_alike_and_the_connection_goes_on(
    made: socket.socket, media: str, body: bytes, token: str, status: int
) -> None:
    for _ in range(2):
        made.sendall(ask(body, media=media, token=token))
        found, _, answer = hear(made)
        assert found == status
        assert status == 202 or json.loads(answer)["code"]
    made.close()


def test_a_request_may_come_in_pieces_and_several_at_once(
    made: socket.socket, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    one, two = (ask(make_body([ann], ("read", {"n": n, "x": "x" * 20_000}))) for n in (1, 2))
    for wire in (one[:30], one[30:160], one[160:5_000], one[5_000:] + two):
        made.sendall(wire)
    assert [hear_one(made)[0] for _ in range(2)] == [202, 202]
    assert [json.loads(client.read()[1][2:])[1]["n"] for _ in range(2)] == [1, 2]
    made.close()


def hear_one(made: socket.socket) -> tuple[int, bytes]:
    """As ``hear``, and not a byte further."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += made.recv(1)
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return int(head.split()[1]), made.recv(length, socket.MSG_WAITALL)


@pytest.mark.parametrize("more", ["Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"], ids=["twice", "chunked"])
def test_two_lengths_are_never_taken(made: socket.socket, more: str) -> None:
    made.sendall(ask(b"{}", more=more))
    assert hear_one(made)[0] in (400, 422)
    made.close()


def test_a_client_that_waits_to_be_told_to_go_on_is_told(made: socket.socket) -> None:
    wire = ask(make_body([]), more="Expect: 100-continue\r\n")
    head, _, body = wire.partition(b"\r\n\r\n")
    made.sendall(head + b"\r\n\r\n")
    assert made.recv(1_000).startswith(b"HTTP/1.1 100 ")
    made.sendall(body)
    assert b" 202 " in made.recv(1_000)
    made.close()


def test_nobody_waits_for_the_body_of_a_stranger(made: socket.socket) -> None:
    wire = ask(b"x" * 9_999_999, token="wrong")
    made.sendall(wire[:1_000])
    assert hear_one(made)[0] == 401
    made.close()


def test_a_head_that_ends_otherwise_hides_no_request_behind_it(made: socket.socket) -> None:
    again = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    made.sendall(b"POST /deliver HTTP/1.1\r\nHost: a\n\n" + again + b"Content-Length: 0\r\n\r\n" + again + b"\r\n")
    assert [hear_one(made)[0] for _ in range(3)] == [401, 200, 200]
    made.close()


def test_a_length_of_thousands_of_digits_is_refused(service: Service, made: socket.socket) -> None:
    made.sendall(ask(b"").replace(b"Content-Length: 0", b"Content-Length: " + b"1" * 5_000))
    assert made.recv(1_000).partition(b" ")[2].startswith(b"400 ")
    made.close()
    assert [line for line in service.log() if line["event"] == "bug"] == []


def test_a_service_that_hangs_up_while_it_is_answered_leaves_no_traceback(
    make_service: Callable[..., Service], ann: str
) -> None:
    service = make_service()
    wire = ask(make_body([ann], *[("read", {"x": "a" * 1_000})] * 2_000))
    for sent in [wire * 2] * 5 + [wire[:-1]] * 5:
        made = socket.create_connection(("127.0.0.1", service.port), timeout=10)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        made.sendall(sent)
        made.close()
    assert service.get("/healthz").ok
    service.terminate()
    assert {line["level"] for line in service.log()} == {"info"}  # all of it is JSON


def test_each_hears_the_deliveries_of_a_request_in_their_order(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    anns, bens = connect_raw(neighbours.sign(ann)), connect_raw(neighbours.sign(ben))
    groups = [[ann], [ann, ben], [ann, ben], [ben], [ann], [ben, ann], []]
    body = {"deliveries": [{"to": to, "events": [{"event": "read", "data": {"n": n}}]} for n, to in enumerate(groups)]}
    assert service.post("/deliver", body).json() == {"accepted": 7}
    for client, who in ((anns, ann), (bens, ben)):
        due = [n for n, to in enumerate(groups) if who in to]
        assert [json.loads(client.read()[1][2:])[1]["n"] for _ in due] == due


@settings(deadline=None)  # a busy machine is no failure
@given(some.lists(spelled, max_size=5))
def test_only_people_written_as_everybody_writes_them_are_read_and_then_rightly(people: list[str]) -> None:
    try:
        found = read_people(people)
    except ValueError:
        found = None
    if found is not None:
        assert found == tuple(dict.fromkeys(uuid.UUID(one).bytes for one in people))
        assert people == [str(uuid.UUID(one)) for one in people] or any(one != one.lower() for one in people)


def test_a_large_group_is_read_as_each_of_its_people_is() -> None:
    group = [str(uuid.uuid4()) for _ in range(40)]
    expected = tuple(uuid.UUID(one).bytes for one in group)
    for _ in range(2):  # the second is remembered
        assert read_people(group) == expected
        assert read_people([*group[1:], group[0]]) == (*expected[1:], expected[0])
        assert read_people(group + group[:1]) == expected
        for wrong in (["," + group[0][1:]], [group[0] + "," + group[1]], [group[0] + ",", group[1][1:]]):
            try:
                assert read_people(group[len(wrong) :] + wrong) is None
            except ValueError:
                continue


@pytest.mark.parametrize(
    "people",
    [
        ["5" * 36],
        ["550e8400-e29b-41d4-a716-44665544000", "0550e8400-e29b-41d4-a716-446655440000"],
        ["550e8400 e29b 41d4 a716 446655440000"],
        ["550e8400-e29b-41d4-a716--46655440000"],
        ["550e8400-e29b-41d4-a716-4466554400žž"],
    ],
    ids=["no dashes", "shifted", "spaces", "a dash more", "not hexadecimal"],
)
def test_people_written_otherwise_are_left_to_the_ordinary_road(people: list[str]) -> None:
    body = json.dumps({"deliveries": [{"to": people, "events": []}]}).encode()
    assert read_deliveries(body) is None
    with pytest.raises(ValidationError):
        DeliverRequest.model_validate_json(body)
