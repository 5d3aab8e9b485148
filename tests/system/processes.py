"""A program of Pulse as a real process of its own group, which a test may kill, freeze and start again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from ops.guard import Guard
from ops.ports import find_obstacle
from tests.system.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class Process:
    """``is_ready`` is asked until it says yes; everything the program prints goes to ``log_path``."""

    killed_at: float | None = None

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        port: int,
        log_path: Path,
        guard: Guard,
        is_ready: Callable[[], bool],
    ) -> None:
        self.name = name
        self.port = port
        self.log_path = log_path
        self._command = command
        self._environment = environment
        self._guard = guard
        self._is_ready = is_ready
        self._running: subprocess.Popen[bytes] | None = None

    def copy(
        self, name: str, port: int, log_path: Path, is_ready: Callable[[], bool], settings: dict[str, str]
    ) -> Process:
        """The same program beside this one, not started."""
        environment = {**self._environment, "PORT": str(port), **settings}
        return Process(name, self._command, environment, port, log_path, self._guard, is_ready)

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        """Starts it without waiting; does nothing while it runs."""
        if self.is_running:
            return
        with self.log_path.open("ab") as output:
            self._running = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        # Whatever becomes of pytest, its processes end.
        self._guard.add(self._running.pid, signal.SIGTERM)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if not self.is_running or time.monotonic() > deadline:
                state = "is not ready" if self.is_running else "ended by itself"
                raise AssertionError(f"{self.name} {state}:\n{self.tail()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9 of the whole group: nothing is finished, nothing is said. ``killed_at``: Unix seconds of the last."""
        self._end(signal.SIGKILL)
        self.killed_at = time.time()

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end, and kills what is left of its group after a while."""
        self._end(with_signal)

    def pause(self) -> None:
        """SIGSTOP: it holds its port and its connections, and does nothing once this returns."""
        self._signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", f"{self.name} being stopped")

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def log_entries(self) -> list[dict[str, Any]]:
        """The structured lines of its log."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        assert self._running is not None
        os.killpg(self._running.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if self._running is None:
            return
        group = self._running.pid
        if self._running.poll() is None:
            if number is not signal.SIGKILL:
                self._running.send_signal(number)
                self._running.send_signal(signal.SIGCONT)
                with suppress(subprocess.TimeoutExpired):
                    self._running.wait(STOP_SECONDS)
            _kill_group(group)
            self._running.wait()
        _kill_group(group)
        self._guard.remove(group)
        self._running = None
        eventually(lambda: find_obstacle(self.port) is None, f"port {self.port} being free again")


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def python_module(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def answers(url: str) -> Callable[[], bool]:
    """Whether ``url`` answers 200."""

    def look() -> bool:
        try:
            return requests.get(url, timeout=5).status_code == 200
        except requests.RequestException:
            return False

    return look
