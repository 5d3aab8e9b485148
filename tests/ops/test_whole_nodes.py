"""`make run NODES=3 REDIS=1 KAFKA=1 DELIVERY=kafka`: one system of many processes, whatever dies of them."""

import json
import os
import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ops.places import PAGES
from tests.ops.test_supervisor import are_gone
from tests.ops.test_whole import SECONDS, Pulse
from tests.system.device import Device
from tests.system.waiting import eventually

pytestmark = pytest.mark.system


class Person:
    """Signed in by the development inbox."""

    def __init__(self, pulse: Pulse, email: str) -> None:
        self._auth, self._chat, self._websocket = (
            f"http://127.0.0.1:{pulse.ports[name]}" for name in ("AUTH_PORT", "CHAT_PORT", "WEBSOCKET_PORT")
        )
        requests.post(f"{self._auth}/auth/login", json={"email": email}, timeout=30).raise_for_status()
        code = eventually(lambda: self._find_mails(email), "the mail")[0]["code"]
        answer = requests.post(f"{self._auth}/auth/confirm", json={"email": email, "code": code}, timeout=30)
        self.email = email
        self.token: str = answer.json()["access_token"]

    def _find_mails(self, email: str) -> list[dict[str, str]]:
        inbox = self._auth.replace("127.0.0.1", "localhost") + f"/dev/inbox?email={email}"
        mails: list[dict[str, str]] = requests.get(inbox, headers={"Accept": "application/json"}, timeout=30).json()[
            "mails"
        ]
        return mails

    def connect(self) -> Device:
        device = Device(self._websocket, lambda: self.token, ("websocket",))
        device.connect()
        return device

    def send(self, other: "Person", content: str) -> dict[str, Any]:
        """Asked again with the same id until it is taken, as clients do."""
        body = {"id": str(uuid.uuid4()), "to": other.email, "content": content}
        headers = {"Authorization": f"Bearer {self.token}"}

        def ask() -> dict[str, Any] | None:
            answer = requests.post(f"{self._chat}/chat/send", json=body, headers=headers, timeout=30)
            found: dict[str, Any] = answer.json()
            return found if answer.status_code in (200, 201) else None

        return eventually(ask, "a message being taken", SECONDS) or {}


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulse]:
    assert PAGES.exists(), "the pages are not built: `make test` builds them"
    given = {"NODES": "3", "REDIS": "1", "KAFKA": "1", "DELIVERY": "kafka", "WORKERS": "1"}
    run = Pulse(tmp_path_factory.mktemp("nodes") / "var", **given).start()
    yield run
    if run.process.poll() is None:
        run.process.kill()
        run.process.wait()


def test_it_says_what_runs_and_pages_are_told_to_use_websockets_only(pulse: Pulse) -> None:
    for line in ("3 websocket nodes, ports ", "Redis on port ", "Kafka's API on ", "through Kafka and the bridge"):
        assert line in pulse.printed
    config = requests.get(f"http://localhost:{pulse.ports['PAGES_PORT']}/config.json", timeout=30).json()
    assert config["transports"] == ["websocket"]
    assert config["websocket_url"].endswith(f":{pulse.ports['WEBSOCKET_PORT']}")
    secrets = json.loads((pulse.var / "secrets.json").read_text()).values()
    assert not [secret for secret in secrets if secret in pulse.printed + " ".join(pulse.tree().values())]


def test_a_message_reaches_the_devices_on_every_node_whatever_of_the_system_dies(pulse: Pulse) -> None:
    ann, ben = Person(pulse, "ann@example.org"), Person(pulse, "ben@example.org")
    devices = [ben.connect() for _ in range(3)]
    try:
        first = ann.send(ben, "to all nodes")
        for device in devices:
            device.wait_for_message(first)
        # One of each: a node, and each engine.
        os.kill(find_node(pulse), signal.SIGKILL)
        eventually(lambda: any(device.connects > 1 for device in devices), "its device moving on", SECONDS)
        for word in ("redis-server", "tansu"):
            os.kill(pulse.find(word), signal.SIGKILL)
        for name in ("websocket-[123]", "redis", "broker"):
            eventually(lambda name=name: re.search(f"{name} died", pulse.printed), name, SECONDS)  # type: ignore[misc]
        second = ann.send(ben, "and to all again")
        for device in devices:
            # By the socket, or by the word to ask chat.
            device.wait_until(lambda d=device: heard_of(d, second), "the message", SECONDS)  # type: ignore[misc]
        eventually(lambda: all_hear(devices, ann.send(ben, "now as before")), "live delivery to all", SECONDS)
    finally:
        for device in devices:
            device.close()


def test_stopping_it_leaves_nothing_behind(pulse: Pulse) -> None:
    left = list(pulse.tree())
    assert len(left) > 12
    pulse.process.send_signal(signal.SIGINT)
    assert pulse.process.wait(SECONDS) == 128 + signal.SIGINT
    assert are_gone(left)
    assert "does not stop" not in pulse.printed


def find_node(pulse: Pulse) -> int:
    """One that has clients: the balancer passes over a node that was too busy to answer it in time."""
    nodes = [pid for pid, words in pulse.tree().items() if "services.websocket" in words]
    return next(pid for pid in nodes if count_clients(pid) > 0)


def count_clients(node: int) -> float:
    environ = Path(f"/proc/{node}/environ").read_bytes().decode().split("\0")
    port = next(word.removeprefix("PORT=") for word in environ if word.startswith("PORT="))
    metrics = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    found = re.search(r"^pulse_socket_connections (\S+)$", metrics, re.MULTILINE)
    assert found, metrics
    return float(found[1])


def all_hear(devices: list[Device], message: dict[str, Any]) -> bool:
    """Soon, and by the socket; on a busy machine one may just be coming back."""
    try:
        for device in devices:
            device.wait_for_message(message, 5)
    except AssertionError:
        return False
    return True


def heard_of(device: Device, message: dict[str, Any]) -> bool:
    return bool(device.events("message.sent", seq=message["seq"]) or device.events("resync"))
