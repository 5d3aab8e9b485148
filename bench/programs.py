"""A measured program: a process and all below it, kept to its cores, with what the kernel says it used."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from bench.cores import on_cores
from ops.guard import Guard
from ops.places import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0
STOP_SECONDS = 10.0
SETTLE_SECONDS = 8.0


class NotRunning(Exception):
    """It ended, or is not ready in time; ``str()`` has the end of what it printed."""


class Program:
    """Started at once; everything it prints goes to ``log``. Use it as a context."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        log: Path,
        guard: Guard,
        cores: set[int],
        folder: Path = ROOT,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name, self.log = name, log
        self._guard, self._stop_signal = guard, stop_signal
        with log.open("ab") as output, on_cores(cores):
            self._process = subprocess.Popen(
                list(words),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._stopped = False
        guard.add(self.pid, stop_signal)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Raises NotRunning."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                state = "is not ready" if ended is None else f"ended ({ended})"
                raise NotRunning(f"{self.name} {state}:\n{self.tail()}")
            time.sleep(0.02)

    def check(self) -> None:
        """Raises NotRunning when it ended meanwhile."""
        ended = self._process.poll()
        if ended is not None:
            raise NotRunning(f"{self.name} ended ({ended}):\n{self.tail()}")

    def settle(self) -> None:
        """Returns when it has nothing more to do, but in a few seconds at the latest."""
        deadline = time.monotonic() + SETTLE_SECONDS
        used = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.4)
            before, used = used, self.cpu_seconds()
            if used - before <= 0.02:
                return

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._guard.remove(self.pid)

    def cpu_seconds(self) -> float:
        """What it and all below it were charged so far, in steps of 10 ms."""
        return sum(_charged(pid) for pid in self.processes())

    def resident_bytes(self) -> int:
        return sum(_resident(pid) for pid in self.processes())

    def processes(self) -> list[int]:
        return list(_family(self.pid))

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _family(root: int) -> Iterator[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            children.setdefault(int(path.read_text().rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    waiting = [root]
    while waiting:
        waiting += children.get(waiting[0], [])
        yield waiting.pop(0)


def _charged(pid: int) -> float:
    """With its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    return 0.0


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
