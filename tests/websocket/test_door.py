"""The door: who is answered at once and who is handed over is nobody's to notice, but for the time it takes."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.websocket.clients import Client, RawClient
from tests.websocket.frames import frame
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import PAGES, Service, wait_until
from tests.websocket.test_short_road import ask, hear_one, make_body

ConnectRaw = Callable[..., RawClient]
MakeService = Callable[..., Service]
KEY, VERSION = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13"
SWITCH = ("Connection: Upgrade", "Upgrade: websocket")
TARGET = "/socket.io/?EIO=4&transport=websocket"


def make_handshake(
    *more: str, fields: tuple[str, ...] = (*SWITCH, VERSION, KEY), target: str = TARGET, method: str = "GET"
) -> bytes:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: pulse", *fields, *more, "", "")).encode()


def reach(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def read_frame(made: socket.socket) -> bytes:
    """The payload."""
    length = read(made, 2)[1]
    if length == 126:
        length = struct.unpack("!H", read(made, 2))[0]
    return read(made, length)


def read(made: socket.socket, count: int) -> bytes:
    found = made.recv(count, socket.MSG_WAITALL)
    if len(found) < count:
        raise EOFError
    return found


def read_head(made: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read(made, 1)
    return head


def is_welcome(made: socket.socket) -> bool:
    return (
        read_head(made).startswith(b"HTTP/1.1 101 ")
        and read_frame(made).startswith(b'0{"sid":"')
        and read_frame(made).startswith(b'40{"sid":"')
    )


def cut_at(*places: int) -> Callable[[bytes], list[bytes]]:
    return lambda wire: [wire[a:b] for a, b in zip((0, *places), (*places, len(wire)), strict=True)]


@pytest.mark.parametrize(
    "cut",
    [cut_at(), cut_at(10), cut_at(60), cut_at(-400), lambda wire: [wire[n : n + 1] for n in range(len(wire))]],
    ids=["at once", "in the line", "in the head", "in the token", "byte by byte"],
)
def test_a_handshake_and_a_token_may_come_together_or_in_any_pieces(
    service: Service, neighbours: Neighbours, ann: str, cut: Callable[[bytes], list[bytes]]
) -> None:
    with reach(service) as made:
        for piece in cut(make_handshake() + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode())):
            made.sendall(piece)
        assert is_welcome(made)
        service.deliver([ann], ("resync", {}))
        assert read_frame(made) == b'42["resync",{}]'


ODD = {
    "a page of ours": (make_handshake(f"Origin: {PAGES}"), 101),
    "its own address": (make_handshake("Origin: http://pulse"), 101),
    "another page": (make_handshake("Origin: https://evil.example"), 403),
    "an empty origin": (make_handshake("Origin:"), 403),
    "no origin that is one": (make_handshake("Origin: null"), 403),
    "Python's target": (make_handshake(target="/socket.io/?transport=websocket&EIO=4&t=1700000000.5"), 101),
    "an old Engine.IO": (make_handshake(target=TARGET.replace("4", "3")), 400),
    "two of them": (make_handshake(target=TARGET + "&EIO=3"), 400),
    "none": (make_handshake(target="/socket.io/?transport=websocket"), 400),
    "JSONP": (make_handshake(target=TARGET + "&j=0"), 400),
    "a session nobody has": (make_handshake(target=TARGET + "&sid=nobody"), 400),
    "another transport": (make_handshake(target=TARGET.replace("websocket", "pigeon")), 400),
    "an old websocket": (make_handshake(fields=(*SWITCH, "Sec-WebSocket-Version: 8", KEY)), 426),
    "no version": (make_handshake(fields=(*SWITCH, KEY)), 426),
    "a short key": (make_handshake(fields=(*SWITCH, VERSION, "Sec-WebSocket-Key: short")), 400),
    "no key": (make_handshake(fields=(*SWITCH, VERSION)), 400),
    "no upgrade": (make_handshake(fields=(VERSION, KEY)), 400),
    "another upgrade": (make_handshake(fields=("Connection: Upgrade", "Upgrade: h2c", VERSION, KEY)), 400),
    "several words": (make_handshake(fields=("Connection: a, Upgrade", "Upgrade: WebSocket", VERSION, KEY)), 101),
    "a field that is folded": (make_handshake("X-A: a", "  b"), 101),
    "much in it": (make_handshake(*(f"X-{n}: {'a' * 7_000}" for n in range(3))), 101),
    "too much in it": (make_handshake(*(f"X-{n}: {'a' * 7_000}" for n in range(10))), 431),
    "another method": (make_handshake(method="POST"), 400),
    "no method": (make_handshake(method="BREW"), 405),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "status"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("first", [None, 20], ids=["whole", "in two"])
def test_odd_handshakes_are_answered_as_engineio_and_the_rules_say(
    service: Service, wire: bytes, status: int, first: int | None
) -> None:
    with reach(service) as made:
        for piece in (wire[:first], wire[first:] if first else b""):
            made.sendall(piece)
        assert int(read_head(made).split()[1]) == status


def test_a_second_connect_behind_the_first_and_other_namespaces_are_refused(
    service: Service, neighbours: Neighbours, ann: str
) -> None:
    connect = f'40{{"token":"{neighbours.sign(ann)}"}}'.encode()
    with reach(service) as made:
        made.sendall(make_handshake() + frame(b"40/admin," + connect[2:]) + frame(connect) + frame(connect))
        assert b" 101 " in read_head(made)
        assert [read_frame(made)[:9] for _ in range(4)][1:] == [b"44/admin,", b'40{"sid":', b'44"Unable']


def test_a_token_nobody_signed_is_refused_and_the_right_one_behind_it_counts(
    service: Service, neighbours: Neighbours, ann: str
) -> None:
    good = neighbours.sign(ann)
    bad = good[:-8] + ("AAAAAAAA" if not good.endswith("AAAAAAAA") else "BBBBBBBA")
    with reach(service) as made:
        made.sendall(make_handshake() + b"".join(frame(f'40{{"token":"{token}"}}'.encode()) for token in (bad, good)))
        assert b" 101 " in read_head(made)
        opened, refused, welcomed = (read_frame(made) for _ in range(3))
        assert opened.startswith(b"0{")
        assert json.loads(refused.removeprefix(b"44"))["data"]["code"] == "unauthorized"
        assert welcomed.startswith(b'40{"sid"')


def test_a_connection_that_was_kept_takes_both_kinds_of_requests_in_turn(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    other = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with reach(service) as made:
        for n in range(5):
            delivery = ask(make_body([ann], ("read", {"n": n})))
            made.sendall(delivery + other + delivery if n % 2 else other + delivery + delivery)
            assert [hear_one(made)[0] for _ in range(3)] == ([202, 200, 202] if n % 2 else [200, 202, 202])
        assert [json.loads(client.read()[1][2:])[1]["n"] for _ in range(10)] == [n // 2 for n in range(10)]


def test_hundreds_of_deliveries_at_once_are_answered_though_nobody_reads_at_first(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    with reach(service) as made, ThreadPoolExecutor(1) as pool:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sending = pool.submit(made.sendall, b"".join(ask(make_body([ann], ("read", {"n": n}))) for n in range(800)))
        heard = [json.loads(client.read()[1][2:])[1]["n"] for _ in range(20)]
        assert service.get("/healthz").ok  # whoever does not read holds nobody else up
        assert {hear_one(made)[0] for _ in range(800)} == {202}
        sending.result(20)
    heard += [json.loads(client.read()[1][2:])[1]["n"] for _ in range(780)]
    assert heard == list(range(800))


def test_whoever_says_nothing_or_half_a_delivery_keeps_no_one_waiting_and_is_told_goodbye(
    make_service: MakeService, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    client = connect_raw(neighbours.sign(ann), to=service)
    wire = ask(make_body([ann], ("read", {"n": 1})))
    with reach(service) as silent, reach(service) as half, reach(service) as head:
        half.sendall(wire[:-1])
        head.sendall(wire[:20])
        service.deliver([ann], ("resync", {}))
        assert client.read()[1] == b'42["resync",{}]'
        assert service.terminate() == 0
        assert [made.recv(1_000) for made in (silent, half, head)] == [b"", b"", b""]


def test_a_request_names_its_own_lines_in_the_log_and_nobody_elses(
    make_service: MakeService, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    with reach(service) as made:
        for _ in range(2):
            made.sendall(ask(make_body([ann]), more="X-Request-Id: mine\r\n"))
            assert hear_one(made)[0] == 202
        made.sendall(ask(make_body([ann])))
        assert hear_one(made)[0] == 202
    connect_raw(neighbours.sign(ann), to=service)
    lines = {event: [line for line in service.log() if line["event"] == event] for event in ("request", "connected")}
    found = [(line["request_id"], line["request_ids"]) for line in lines["request"]]
    assert found[:2] == [("mine", ["cause"])] * 2
    assert len(found[2][0]) == 36
    assert "request_id" not in lines["connected"][0]


def test_a_crowd_that_comes_at_once_is_let_in_while_events_go_on(
    make_service: MakeService, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    service = make_service()
    client = connect_raw(neighbours.sign(ann), to=service)
    connect = frame(f'40{{"token":"{neighbours.sign(ben)}"}}'.encode())
    with ExitStack() as stack:
        crowd = [stack.enter_context(reach(service)) for _ in range(300)]
        for made in crowd:
            made.sendall(make_handshake() + connect)
        for n in range(50):
            service.deliver([ann], ("read", {"n": n}))
        assert [json.loads(client.read()[1][2:])[1]["n"] for _ in range(50)] == list(range(50))
        assert all(is_welcome(made) for made in crowd)
        assert service.metric("pulse_socket_connections") == 301
        service.deliver([ben], ("resync", {}))
        assert {read_frame(made) for made in crowd} == {b'42["resync",{}]'}
    wait_until(lambda: service.metric("pulse_socket_connections") == 1, what="they count as gone")


def test_told_to_stop_while_clients_connect_it_ends_well(
    make_service: MakeService, neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    wire = make_handshake() + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode())
    let_in = []

    def come_again_and_again() -> None:
        with suppress(OSError, EOFError):  # it is stopping, or has stopped
            while True:
                with reach(service) as made:
                    made.sendall(wire)
                    let_in.append(is_welcome(made))

    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(come_again_and_again) for _ in range(8)]
        wait_until(lambda: len(let_in) > 50)
        assert service.terminate() == 0
        for one in coming:
            one.result(20)
    assert all(let_in)
    assert not [line for line in service.log() if line["level"] in ("error", "critical")]


def test_more_websockets_than_there_may_be_are_told_to_come_later(
    make_service: MakeService, connect_raw: ConnectRaw
) -> None:
    service = make_service(program=["tests.websocket.few_files", "96"])
    clients = [connect_raw(to=service) for _ in range(32)]
    with reach(service) as made:
        made.sendall(make_handshake())
        head = read_head(made)
        assert b" 503 " in head.splitlines()[0]
        assert b"Retry-After: " in head
    clients.pop().close()

    def is_let_in() -> bool:
        with reach(service) as made:
            made.sendall(make_handshake())
            return b" 101 " in read_head(made)

    wait_until(is_let_in, what="there is room again")


def test_a_stock_client_that_upgrades_hears_everything_once_and_in_order(
    service: Service, connect: Callable[..., Client], neighbours: Neighbours, ann: str
) -> None:
    client = connect(neighbours.sign(ann), transports=["polling", "websocket"])
    assert client.transport == "websocket"
    for n in range(20):
        service.deliver([ann], ("read", {"n": n}))
    assert sorted(one["n"] for one in client.wait_for("read", 20)) == list(range(20))
