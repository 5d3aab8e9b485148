"""A client that does not read: it delays nobody, it is dropped past its bound, and it can come back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import requests

from tests.websocket.clients import Client, RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until

Connect = Callable[..., Client]
ConnectRaw = Callable[..., RawClient]
EVENT_BYTES = 10_000


def flood(service: Service, to: list[str], count: int) -> None:
    """``count`` events of EVENT_BYTES, ten to a request."""
    for first in range(0, count, 10):
        service.deliver(to, *(("read", {"n": n, "x": "x" * EVENT_BYTES}) for n in range(first, first + 10)))


def rss_bytes(service: Service) -> int:
    pages = int(Path(f"/proc/{service.process.pid}/statm").read_text().split()[1])
    return pages * 4096


def test_a_client_that_stops_reading_is_dropped_while_others_hear_everything(
    make_service: Callable[..., Service],
    connect: Connect,
    connect_raw: ConnectRaw,
    neighbours: Neighbours,
    ann: str,
    ben: str,
) -> None:
    service = make_service()
    slow = [connect_raw(neighbours.sign(ann), to=service, buffer_bytes=4_096) for _ in range(5)]
    ready = connect(neighbours.sign(ben), to=service, transports=["websocket"])
    flood(service, [ann, ben], 100)
    before = rss_bytes(service)
    for batch in range(10):  # in step with the ready one, which is as slow as its Python
        flood(service, [ann, ben], 100)
        ready.wait_for("read", 200 + batch * 100)
    sent = list(range(100)) * 11
    assert sorted(data["n"] for data in ready.of("read")) == sorted(sent)
    wait_until(lambda: service.metric("pulse_socket_too_slow_total") == len(slow), what="the slow ones are dropped")
    wait_until(lambda: service.metric("pulse_socket_connections") == 1, what="their connections are gone")
    wait_until(lambda: service.metric("pulse_socket_waiting_events") == 0, what="nothing waits for them")
    # 11 MB for each of five would be 55; the bound is 4 MB each, and given back.
    assert rss_bytes(service) - before < 40_000_000
    for client in slow:
        taken = [json.loads(payload[2:])[1]["n"] for payload in client.read_all() if payload.startswith(b'42["read"')]
        assert taken == sent[: len(taken)]  # whole frames, in order, then the end


def test_a_slow_client_that_reads_again_in_time_misses_nothing(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann), buffer_bytes=4_096)
    flood(service, [ann], 300)
    service.deliver([ann], ("resync", {}))
    heard = [json.loads(client.read()[1][2:]) for _ in range(301)]
    assert [arguments["n"] for event, arguments in heard if event == "read"] == list(range(300))
    assert heard[-1] == ["resync", {}]


def test_a_dropped_client_hears_why_when_it_reads_again_soon(
    service: Service, connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw(neighbours.sign(ann), buffer_bytes=4_096)
    dropped = service.metric("pulse_socket_too_slow_total")
    while service.metric("pulse_socket_too_slow_total") == dropped:
        flood(service, [ann], 100)
    said = client.read_all()
    assert json.loads(said[-1 if said[-1].startswith(b"42") else -2][2:]) == [
        "session.ended",
        {"reason": "too_slow", "reconnect": True},
    ]


def test_a_polling_client_that_stops_polling_is_dropped_too(service: Service, neighbours: Neighbours, ann: str) -> None:
    http = requests.Session()
    url = service.url + "/socket.io/?EIO=4&transport=polling"
    opened = http.get(url, timeout=10).text
    url += "&sid=" + json.loads(opened[1:])["sid"]
    http.post(url, data=f'40{{"token":"{neighbours.sign(ann)}"}}', timeout=10)
    assert http.get(url, timeout=10).text.startswith("40{")
    dropped = service.metric("pulse_socket_too_slow_total")
    flood(service, [ann], 1_010)
    assert service.metric("pulse_socket_too_slow_total") == dropped + 1
    last = http.get(url, timeout=10)
    assert last.text == '42["session.ended",{"reason":"too_slow","reconnect":true}]'
    wait_until(lambda: http.get(url, timeout=10).status_code == 400, what="the session is gone")
    http.close()


def test_a_stock_client_that_was_dropped_comes_back(
    make_service: Callable[..., Service], connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    service = make_service(OUTBOX_EVENTS="10")
    client = connect(neighbours.sign(ann), to=service, transports=["polling"], reconnect=True)
    began = time.monotonic()
    while client.connects == 1 and time.monotonic() - began < 30:
        service.deliver([ann], *(("read", {"n": n}) for n in range(50)))
    assert client.of("session.ended")[0] == {"reason": "too_slow", "reconnect": True}
    wait_until(lambda: client.connects > 1, what="it reconnects by itself")
