"""What no stock client says: it ends that client's transport, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.websocket.clients import Client, RawClient
from tests.websocket.frames import frame
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service

ConnectRaw = Callable[..., RawClient]

BAD = [
    b"",
    b"9",
    b"x",
    b"4",
    b"4x",
    b"49",
    b"42",
    b"42[",
    b"42{}",
    b"42[]",
    b"42[1]",
    b'42[["a"]]',
    b"4" + b"[" * 60_000,
    b'451-["x",{"_placeholder":true,"num":7}]',
    b"4599999999-[]",
    b'43999["x"]',
    b"44{}",
    b"41/elsewhere,",
    b"40/elsewhere,{}",
    b"40[[[[",
    b"\xff\xfe",
    b"5",
    b"0{}",
]


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "stranger"])
@pytest.mark.parametrize("packet", BAD, ids=lambda packet: repr(packet[:20]))
def test_a_packet_that_cannot_be_read_harms_nobody(
    service: Service,
    connect_raw: ConnectRaw,
    neighbours: Neighbours,
    ann: str,
    ben: str,
    packet: bytes,
    signed_in: bool,
) -> None:
    other = connect_raw(neighbours.sign(ben))
    client = connect_raw(neighbours.sign(ann) if signed_in else None)
    client.write(packet)
    client.write(packet, opcode=2)
    service.deliver([ben], ("resync", {}))
    assert other.read()[1] == b'42["resync",{}]'
    assert service.process.poll() is None
    assert [line for line in service.log() if line["event"] == "bug"] == []


def test_too_large_a_packet_ends_its_transport(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    client.write("42" + "x" * 70_000)
    assert client.read_all()[0][:2] == (1009).to_bytes(2, "big")


def test_endless_fragments_end_their_transport(connect_raw: ConnectRaw) -> None:
    client = connect_raw()
    client.write(b"4", final=False)
    sent = 0
    try:
        while sent < 50_000_000:
            client.write(b"x" * 1_000, opcode=0, final=False)
            sent += 1_000
    except ConnectionError:
        pass
    assert sent < 50_000_000


def test_who_goes_on_after_the_goodbye_is_cut_off(connect_raw: ConnectRaw) -> None:
    client = connect_raw()
    client.write((1000).to_bytes(2, "big"), opcode=8)
    sent = 0
    try:
        while sent < 50_000_000:
            client.socket.sendall(bytes(65_536))
            sent += 65_536
    except ConnectionError:
        pass
    assert sent < 50_000_000


def test_a_flood_of_packets_ends_its_transport(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann))
    for n in range(300):
        client.write(f'42{n}["typing",{{}}]')
    answers = client.read_all()
    assert len([answer for answer in answers if answer.startswith(b"43")]) < 250


def test_a_large_packet_within_the_bound_is_read(connect_raw: ConnectRaw, neighbours: Neighbours, ann: str) -> None:
    client = connect_raw(neighbours.sign(ann))
    client.write('421["typing","' + "ž" * 30_000 + '"]')
    assert client.read()[1].startswith(b'431[{"code":"unknown_event"')


@pytest.mark.parametrize(
    "body", [b"", b"\x1e", b"4\x1e4", b"\xff", b"x" * 70_000, b"\x1e".join([b"42[]"] * 40), b"d=4"]
)
def test_a_bad_post_of_a_polling_client_harms_nobody(service: Service, body: bytes) -> None:
    url = service.url + "/socket.io/?EIO=4&transport=polling"
    sid = requests.get(url, timeout=10).text.split('"')[3]
    answer = requests.post(f"{url}&sid={sid}", data=body, timeout=10)
    assert answer.status_code in (200, 400)
    assert requests.post(f"{url}&sid=nobody", data=body, timeout=10).status_code == 400
    assert service.get("/healthz").ok


def test_a_stock_client_can_send_binary_without_harm(
    service: Service, neighbours: Neighbours, connect: Callable[..., Client], ann: str
) -> None:
    client = connect(neighbours.sign(ann))
    client.io.emit("photo", b"\x00\x01")
    service.deliver([ann], ("resync", {}))
    client.wait_for("resync")


@pytest.mark.parametrize(
    ("packet", "opcode"),
    [(b'40{"token"', 1), (b'451-["x",{"_placeholder":true,"num":0}]', 1), (b"44", 1), (b"40{}", 2)],
    ids=["no JSON", "without its parts", "not a client's", "binary"],
)
def test_behind_a_packet_that_is_refused_nobody_is_let_in(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str, packet: bytes, opcode: int
) -> None:
    connect_raw(neighbours.sign(ben))  # the tokens' key is known from here on
    client = connect_raw()
    client.socket.sendall(frame(packet, opcode) + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode()))
    assert not [said for said in client.read_all() if said.startswith(b"40")]
    assert not [line for line in service.log() if line["event"] == "connected" and line["user_id"] == ann]


def test_behind_one_that_means_nothing_it_is_let_in(connect_raw: ConnectRaw, neighbours: Neighbours, ann: str) -> None:
    client = connect_raw()
    client.socket.sendall(frame(b"9") + frame(f'40{{"token":"{neighbours.sign(ann)}"}}'.encode()))
    assert client.read()[1].startswith(b'40{"sid":')
