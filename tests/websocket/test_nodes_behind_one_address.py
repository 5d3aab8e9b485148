"""Several nodes behind one address that knows nothing of Socket.IO: clients by websocket, nodes that come and go."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from tests.websocket.clients import Client
from tests.websocket.conftest import stock_clients
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import ROOT, Service, wait_until


@dataclass
class Address:
    """What `make run NODES=3` puts in front of its nodes."""

    port: int
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def address(pair: list[Service], nodes: list[Service], free_port: int) -> Iterator[Address]:
    words = [f"127.0.0.1:{port}" for port in (free_port, *(node.port for node in nodes))]
    with subprocess.Popen([sys.executable, "-m", "ops.balancer", *words], cwd=ROOT) as balancer:
        found = Address(free_port)
        wait_until(lambda: _answers(found), what="the balancer passes on")
        yield found
        balancer.terminate()


def _answers(address: Address) -> bool:
    try:
        return requests.get(address.url + "/healthz", timeout=5).ok
    except requests.RequestException:
        return False


class Sender(threading.Thread):
    """Numbered events for everybody through the one address, each until it is accepted, as chat's relay does it."""

    def __init__(self, address: Address, bearer: str, people: list[str]) -> None:
        super().__init__(daemon=True)
        self._address, self._bearer, self._people = address, bearer, people
        self.asked_at: list[float] = []  # when what was accepted in the end was asked for
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.02):
            event = {"event": "read", "data": {"n": len(self.asked_at)}}
            body = {"deliveries": [{"to": self._people, "events": [event]}]}
            began = time.monotonic()
            try:
                headers = {"Authorization": self._bearer}
                answer = requests.post(self._address.url + "/deliver", json=body, headers=headers, timeout=10)
            except requests.RequestException:
                continue
            if answer.status_code == 202:
                self.asked_at.append(began)

    def finish(self) -> int:
        """How many were accepted."""
        self._over.set()
        self.join(20)
        return len(self.asked_at)


def test_through_a_rolling_restart_and_a_kill_clients_move_on_and_what_they_miss_lies_before_a_connect(
    nodes: list[Service], address: Address, neighbours: Neighbours, ann: str, ben: str, cho: str
) -> None:
    people = [ann, ben, cho]
    with stock_clients() as stack:
        clients = [Client(address, transports=["websocket"], reconnect=True) for _ in range(6)]
        for n, client in enumerate(clients):
            stack.callback(client.close)
            client.connect(neighbours.sign(people[n % 3]))
        sender = Sender(address, nodes[0].bearer, people)
        for node in nodes:
            assert node.terminate() == 0
            node.start()
            wait_until(lambda node=node: node.get("/readyz").ok)  # type: ignore[misc]
        nodes[0].kill()
        wait_until(lambda: all(client.io.connected for client in clients), what="everybody is somewhere again")
        nodes[0].start()
        count = sender.finish()
        assert count > 10
        nodes[0].deliver(people, ("user.changed", {}))
        for client in clients:
            client.wait_for("user.changed")
            heard = [data["n"] for data in client.of("read")]
            assert {data["reason"] for data in client.of("session.ended")} <= {"shutting_down"}
            back = client.connected_at[-1]
            missed = set(range(count)) - set(heard)
            assert all(sender.asked_at[n] <= back for n in missed)
            assert client.of("resync") == []
        assert sum(client.connects for client in clients) >= 2 * len(clients)  # every node has ended once
    assert all(node.get("/readyz").json()["dependencies"]["redis"] == "ok" for node in nodes)
    wait_until(lambda: all(neighbours.presence_of(who)[-1] is False for who in people))
