"""The websocket service as a real process, and what the other services ask of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from ops.ports import find_free_port
from tests.websocket.neighbours import SERVICE_TOKEN, Neighbours

ROOT = Path(__file__).parents[2]
PAGES = "http://localhost:3999"  # the origin of the pages in these tests


def wait_until(condition: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what or condition}")


QUICK_NODE = {
    "RESYNC_SPREAD_SECONDS": "0.5",
    "NODE_TTL_SECONDS": "2",
    "PRESENCE_GRACE_SECONDS": "2",  # a busy machine takes its time to bring somebody back within it
    "PRESENCE_GATHER_SECONDS": "0.1",
}


def start_nodes(count: int, neighbours: Neighbours, redis_url: str, folder: Path) -> list[Service]:
    """Several at once, with quick timers."""
    settings = {"REDIS_URL": redis_url, **QUICK_NODE}
    with ThreadPoolExecutor() as starting:
        return list(starting.map(lambda n: Service(neighbours, folder / f"log-{n}", **settings), range(count)))


class Service:
    def __init__(
        self, neighbours: Neighbours, log: Path, *, program: Sequence[str] = ("services.websocket",), **settings: str
    ) -> None:
        self._program = program
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environ = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "PUBLIC_URL": PAGES,
            "SERVICE_TOKEN": SERVICE_TOKEN,
            "AUTH_URL": neighbours.url,
            "CHAT_URL": neighbours.url,
            **settings,
        }
        self.http = requests.Session()
        self.http.trust_env = False
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._program], cwd=ROOT, env=self._environ, stdout=out, stderr=out
            )
        wait_until(self._answers, 60, "the service starts")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        try:
            return self.get("/healthz").ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def pause(self) -> None:
        """It does nothing once this returns."""
        self.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", what="it is stopped")

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        self.http.close()

    def terminate(self) -> int:
        """The exit code."""
        self.process.terminate()
        return self.process.wait(15)

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    bearer = f"Bearer {SERVICE_TOKEN}"

    def get(self, path: str, token: str = SERVICE_TOKEN) -> requests.Response:
        return self.http.get(self.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10)

    def post(self, path: str, body: Any, token: str = SERVICE_TOKEN) -> requests.Response:
        return self.http.post(self.url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def deliver(self, to: list[str], *events: tuple[str, dict[str, Any]]) -> int:
        """How many events were accepted."""
        named = [{"event": event, "data": data} for event, data in events]
        answer = self.post("/deliver", {"deliveries": [{"to": to, "events": named}]})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["accepted"])

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)
