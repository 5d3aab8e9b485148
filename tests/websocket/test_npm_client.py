"""The same promises to socket.io-client from npm, the one in people's browsers."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.websocket.neighbours import Neighbours
from tests.websocket.service import PAGES, ROOT, Service, wait_until

SCRIPT = Path(__file__).with_name("stock_client.cjs")
TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"], ["websocket", "polling"]]

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "frontend/node_modules/socket.io-client").exists(),
    reason="needs node and frontend/node_modules (make test installs both)",
)


class NpmClient:
    def __init__(self, service: Service, **options: Any) -> None:
        self.said: list[list[Any]] = []
        settings = {"reconnectionDelay": 100, "reconnectionDelayMax": 300, **options}
        self._process = subprocess.Popen(
            ["node", str(SCRIPT), service.url, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def emit(self, event: str, data: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([event, data]) + "\n")
        self._process.stdin.flush()

    def heard(self, *beginning: Any) -> list[list[Any]]:
        return [words for words in self.said if words[: len(beginning)] == list(beginning)]

    def wait_for(self, *beginning: Any, count: int = 1) -> list[Any]:
        """The last line that begins so, once there are ``count``."""
        try:
            wait_until(lambda: len(self.heard(*beginning)) >= count, seconds=60)  # node and services start slowly
        except AssertionError:
            raise AssertionError(f"not {count} times {beginning} in {self.said[-20:]}") from None
        return self.heard(*beginning)[-1]

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture
def npm(service: Service) -> Iterator[Callable[..., NpmClient]]:
    opened: list[NpmClient] = []

    def start(to: Service | None = None, **options: Any) -> NpmClient:
        opened.append(NpmClient(to or service, **options))
        return opened[-1]

    yield start
    for client in opened:
        client.close()


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
def test_it_connects_with_a_token_and_hears_events_in_order(
    service: Service, npm: Callable[..., NpmClient], neighbours: Neighbours, ann: str, transports: list[str]
) -> None:
    client = npm(auth={"token": neighbours.sign(ann)}, transports=transports)
    client.wait_for("connect")
    for batch in range(10):
        service.deliver([ann], *(("read", {"n": batch * 30 + n, "x": "ž" * n * 50}) for n in range(30)))
    client.wait_for("event", "read", {"n": 299, "x": "ž" * 1450})
    assert [words[2]["n"] for words in client.heard("event", "read")] == list(range(300))


def test_the_order_holds_across_the_upgrade_to_websocket(
    service: Service, npm: Callable[..., NpmClient], neighbours: Neighbours, ann: str
) -> None:
    clients = [npm(auth={"token": neighbours.sign(ann)}, transports=["polling", "websocket"]) for _ in range(3)]
    sent = 0
    until = time.monotonic() + 30
    while time.monotonic() < until and not all(len(client.heard("event")) > 200 for client in clients):
        service.deliver([ann], ("read", {"n": sent}))
        sent += 1
    for client in clients:
        client.wait_for("event", "read", {"n": sent - 1})
        heard = [words[2]["n"] for words in client.heard("event", "read")]
        assert heard == list(range(heard[0], sent))
        client.wait_for("upgrade", "websocket")


@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
def test_a_refusal_carries_the_code(npm: Callable[..., NpmClient], transports: list[str]) -> None:
    _, message, data, active = npm(auth={"token": "none"}, transports=transports).wait_for("connect_error")
    assert message == data["code"] == "unauthorized"
    assert not active  # get a token, then connect(): it does not try again by itself


def test_it_connects_with_the_cookie_of_the_pages_and_not_of_others(
    npm: Callable[..., NpmClient], neighbours: Neighbours, ann: str
) -> None:
    cookie = f"pulse_access={neighbours.sign(ann)}"
    npm(extraHeaders={"Cookie": cookie, "Origin": PAGES}, transports=["websocket"]).wait_for("connect")
    foreign = npm(extraHeaders={"Cookie": cookie, "Origin": "https://evil.example"}, transports=["websocket"])
    foreign.wait_for("connect_error", "websocket error")
    without = npm(extraHeaders={"Cookie": cookie}, transports=["websocket"])
    without.wait_for("connect_error", "unauthorized")


@pytest.mark.parametrize("transports", TRANSPORTS[:2], ids="+".join)
def test_it_renews_its_token(
    npm: Callable[..., NpmClient], neighbours: Neighbours, ann: str, ben: str, transports: list[str]
) -> None:
    client = npm(auth={"token": neighbours.sign(ann, seconds=20)}, transports=transports)
    client.wait_for("event", "session.expiring")
    client.emit("authenticate", {"token": neighbours.sign(ben)})
    assert client.wait_for("ack")[1]["code"] == "unauthorized"
    client.emit("authenticate", {"token": neighbours.sign(ann)})
    answer = client.wait_for("ack", count=2)[1]
    assert answer.keys() == {"ok", "expires_at"}
    client.emit("message.send", {})
    assert client.wait_for("ack", count=3)[1]["code"] == "unknown_event"


@pytest.mark.parametrize("transports", TRANSPORTS[:2], ids="+".join)
def test_signed_out_is_final_until_it_is_told_to_connect(
    service: Service, npm: Callable[..., NpmClient], neighbours: Neighbours, ann: str, transports: list[str]
) -> None:
    client = npm(auth={"token": neighbours.sign(ann)}, transports=transports)
    client.wait_for("connect")
    service.post("/disconnect", {"user_id": ann})
    client.wait_for("disconnect", "io server disconnect", False)
    assert client.heard("event") == [["event", "session.ended", {"reason": "signed_out", "reconnect": False}]]


@pytest.mark.parametrize("transports", [TRANSPORTS[0], TRANSPORTS[2]], ids="+".join)
def test_it_comes_back_by_itself_after_a_stop_and_after_a_kill(
    make_service: Callable[..., Service],
    npm: Callable[..., NpmClient],
    neighbours: Neighbours,
    ann: str,
    transports: list[str],
) -> None:
    service = make_service()
    client = npm(service, auth={"token": neighbours.sign(ann)}, transports=transports)
    client.wait_for("connect")
    assert service.terminate() == 0
    client.wait_for("event", "session.ended", {"reason": "shutting_down", "reconnect": True})
    service.start()
    client.wait_for("connect", count=2)
    service.kill()
    service.start()
    client.wait_for("connect", count=3)
    assert all(words[2] for words in client.heard("disconnect"))
