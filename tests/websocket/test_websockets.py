"""Websockets cost no green thread and leave nothing behind; whoever does not answer, or breaks off, is let go."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until

ConnectRaw = Callable[..., RawClient]


def count_files(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def test_a_thousand_that_came_and_went_leave_nothing_open(make_service: Callable[..., Service]) -> None:
    service = make_service()
    RawClient(service).close()
    wait_until(lambda: service.metric("pulse_socket_connections") == 0)
    before = count_files(service)
    for n in range(10):
        clients = [RawClient(service) for _ in range(100)]
        for client in clients:
            if n % 2:
                client.write(b"", opcode=8)
            client.close()
    wait_until(lambda: count_files(service) <= before + 5, what="their descriptors are closed")


def test_connections_have_no_green_threads(
    make_service: Callable[..., Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, tmp_path: Path
) -> None:
    answer = tmp_path / "green-threads"
    service = make_service(program=["tests.websocket.counted", str(answer)])

    def count() -> int:
        answer.unlink(missing_ok=True)
        wait_until(answer.exists)
        return int(answer.read_text())

    before = count()
    clients = [connect_raw(neighbours.sign(ann), to=service) for _ in range(200)]
    wait_until(lambda: count() <= before + 10, what="those of the handshakes have ended")
    service.deliver([ann], ("resync", {}))
    for client in clients:
        assert client.read()[1] == b'42["resync",{}]'


def test_who_answers_pings_stays_and_who_does_not_is_let_go(
    make_service: Callable[..., Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    service = make_service(PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="1")
    answering, silent = (connect_raw(neighbours.sign(who), to=service) for who in (ann, ben))
    answering.hears_pings = silent.hears_pings = True
    for _ in range(4):
        assert answering.read()[1] == b"2"
        answering.write("3")
    assert service.metric("pulse_socket_connections") == 1
    said = silent.read_all()
    assert said[:1] == [b"2"]
    assert b"1" in said  # Engine.IO's goodbye
    assert [line["reason"] for line in service.log() if line["event"] == "disconnected"] == ["ping timeout"]
    service.deliver([ann], ("resync", {}))
    assert b'42["resync",{}]' in (answering.read()[1], answering.read()[1])


def test_who_polls_no_more_is_let_go_whatever_else_its_address_says(
    make_service: Callable[..., Service], neighbours: Neighbours, ann: str
) -> None:
    service = make_service(PING_INTERVAL_SECONDS="1", PING_TIMEOUT_SECONDS="1")
    url = poll(service, "&x=transport=websocket")
    requests.post(url, data=f'40{{"token":"{neighbours.sign(ann)}"}}', timeout=10)
    assert service.metric("pulse_socket_connections") == 1
    requests.get(url, timeout=10)
    wait_until(lambda: service.metric("pulse_socket_connections") == 0, what="it counts as gone")


def test_descriptors_are_left_for_the_service_however_many_come(
    make_service: Callable[..., Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    service = make_service(program=["tests.websocket.few_files", "128"])
    leaving = connect_raw(neighbours.sign(ann), to=service)
    clients = [connect_raw(neighbours.sign(ben), to=service) for _ in range(59)]
    with ExitStack() as stack:
        for _ in range(80):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=10))
        assert service.get("/readyz").ok  # on a connection it had before
        assert count_files(service) < 112
        leaving.close()
        wait_until(lambda: neighbours.presence_of(ann)[-1:] == [False], what="chat is told on a new connection")
        service.deliver([ben], ("resync", {}))
        for client in clients:
            assert client.read()[1] == b'42["resync",{}]'
    wait_until(lambda: connect_raw(neighbours.sign(ann), to=service), what="there is room again")


def test_who_stops_writing_for_good_is_let_go(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    client.socket.shutdown(socket.SHUT_WR)
    client.read_all()
    wait_until(lambda: service.get(f"/online?ids={ann}").json() == {"online": []}, what="it counts as gone")


def test_a_ping_of_the_client_is_answered_with_its_words(connect_raw: ConnectRaw) -> None:
    client = connect_raw()
    client.write(b"are you there?", opcode=9)
    head, payload = client.read()
    assert (head[0], payload) == (0x8A, b"are you there?")


def test_a_close_is_answered_with_its_code(connect_raw: ConnectRaw) -> None:
    client = connect_raw()
    client.write((1001).to_bytes(2, "big") + b"away", opcode=8)
    head, payload = client.read()
    assert (head[0], payload) == (0x88, (1001).to_bytes(2, "big"))
    with pytest.raises(EOFError):
        client.read()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 426),
        ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400),
        ("Sec-WebSocket-Version: 13\r\n", 400),
    ],
    ids=["old", "a short key", "no key"],
)
def test_a_handshake_that_is_none_is_refused(service: Service, headers: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as made:
        made.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\n{headers}\r\n".encode()
        )
        assert made.recv(1_000).startswith(f"HTTP/1.1 {status} ".encode())


def poll(service: Service, more: str = "") -> str:
    url = service.url + "/socket.io/?EIO=4&transport=polling" + more
    return url + "&sid=" + str(json.loads(requests.get(url, timeout=10).text[1:])["sid"])


def upgrade(url: str) -> socket.socket:
    place = url.removeprefix("http://").replace("polling", "websocket")
    host, _, path = place.partition("/")
    made = socket.create_connection((host.split(":")[0], int(host.split(":")[1])), timeout=10)
    made.sendall(
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return made


def test_a_second_upgrade_beside_one_under_way_is_refused(service: Service) -> None:
    url = poll(service)
    with upgrade(url) as first, upgrade(url) as second:
        assert sorted(made.recv(1_000).split()[1] for made in (first, second)) == [b"101", b"400"]


def test_an_upgrade_that_breaks_off_leaves_the_client_polling(
    service: Service, neighbours: Neighbours, ann: str
) -> None:
    url = poll(service)
    with upgrade(url) as made:
        assert b" 101 " in made.recv(1_000)
    requests.post(url, data=f'40{{"token":"{neighbours.sign(ann)}"}}', timeout=10)

    def heard() -> bool:
        return '40{"sid"' in requests.get(url, timeout=10).text

    wait_until(heard, what="it polls on")


def test_an_upgrade_that_says_nothing_is_cut_off(make_service: Callable[..., Service]) -> None:
    service = make_service(PING_INTERVAL_SECONDS="5", PING_TIMEOUT_SECONDS="1")
    began = time.monotonic()
    with upgrade(poll(service)) as made:
        assert b" 101 " in made.recv(1_000)
        assert made.recv(1_000) == b""
    assert time.monotonic() - began < 30
