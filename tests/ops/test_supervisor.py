"""The supervisor with real children that have children of their own: what dies comes back, and nothing stays behind."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ops.guardian import GRACE_SECONDS
from ops.processes import find_command_line

SECONDS = 30.0


class Run:
    """A runner in a process of its own, and what it has printed so far."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self._log = folder / "log"
        command = [sys.executable, "-m", "tests.ops.small_runner", str(folder), *words]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def pids(self, name: str) -> list[int]:
        """Everything `name` has ever been: its own id and its grandchild's, for each start."""
        path = self.folder / f"{name}.pids"
        return [int(word) for word in path.read_text().split()] if path.exists() else []

    def everything(self) -> list[int]:
        return self.pids("first") + self.pids("second")

    def guardian(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if "ops/guardian.py" in (find_command_line(int(pid)) or ""))

    def wait_for(self, text: str) -> None:
        assert eventually(lambda: text in self.printed), self.printed


def eventually(is_so: Callable[[], bool], seconds: float = SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def are_gone(pids: list[int]) -> bool:
    assert pids
    return eventually(lambda: not any(find_command_line(pid) for pid in pids))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(*words: str) -> Run:
        runs.append(Run(tmp_path, *words))
        return runs[-1]

    yield make
    for run in runs:
        run.process.kill()
        run.process.wait()
        for pid in run.everything():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_every_line_carries_its_writers_name(start: Callable[..., Run]) -> None:
    run = start("mutters")
    run.wait_for("all ready")
    run.process.terminate()
    run.process.wait(SECONDS)
    lines = run.printed.splitlines()
    assert "first    | first is up" in lines
    assert "second   | no end of linesecond is up" in lines
    assert "pulse    | all ready" in lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_the_last_started_first(start: Callable[..., Run], number: int) -> None:
    run = start()
    run.wait_for("all ready")
    run.process.send_signal(number)
    assert run.process.wait(SECONDS) == 128 + number
    assert are_gone(run.everything())
    assert (run.folder / "stops").read_text().split() == ["second", "first"]
    assert "does not stop" not in run.printed


def test_a_killed_child_comes_back_and_its_own_children_do_not_stay(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("all ready")
    grandchild, child = run.pids("second")
    os.kill(child, signal.SIGKILL)
    run.wait_for("pulse    | second died (signal 9), starting it again")
    assert eventually(lambda: len(run.pids("second")) == 4)
    assert are_gone([grandchild, child])
    assert len(run.pids("first")) == 2


def test_a_child_that_keeps_dying_is_given_more_and_more_time(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("all ready")
    for death in range(1, 5):
        os.kill(run.pids("second")[-1], signal.SIGKILL)
        assert eventually(lambda death=death: len(run.pids("second")) == 2 + 2 * death)  # type: ignore[misc]
    run.wait_for("second died (signal 9), starting it again in 2 s")


def test_killing_the_runner_leaves_nothing_running(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("all ready")
    left = [*run.everything(), run.guardian()]
    run.process.kill()
    assert are_gone(left)


def test_killing_guardian_and_then_runner_leaves_nothing_running(start: Callable[..., Run]) -> None:
    run = start()
    run.wait_for("all ready")
    first = run.guardian()
    os.kill(first, signal.SIGKILL)

    def is_replaced() -> bool:
        with suppress(StopIteration):
            return run.guardian() != first
        return False

    assert eventually(is_replaced)
    left = [*run.everything(), run.guardian()]
    run.process.kill()
    assert are_gone(left)


def test_a_stubborn_child_is_killed_after_its_grace(start: Callable[..., Run]) -> None:
    run = start("stubborn")
    run.wait_for("all ready")
    run.process.terminate()
    assert run.process.wait(SECONDS) == 128 + signal.SIGTERM
    assert "second does not stop, killing it" in run.printed
    assert are_gone(run.everything())


def test_a_second_interrupt_kills_at_once(start: Callable[..., Run]) -> None:
    run = start("stubborn", "patient")
    run.wait_for("all ready")
    run.process.send_signal(signal.SIGINT)
    assert not eventually(lambda: run.process.poll() is not None, 0.5)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(SECONDS) == 128 + signal.SIGINT
    assert are_gone(run.everything())


def test_a_stubborn_child_does_not_survive_the_runner_either(start: Callable[..., Run]) -> None:
    run = start("stubborn")
    run.wait_for("all ready")
    run.process.kill()
    assert GRACE_SECONDS < SECONDS
    assert are_gone(run.everything())


def test_a_child_that_cannot_start_ends_the_run_and_is_named(start: Callable[..., Run]) -> None:
    run = start("ends")
    assert run.process.wait(SECONDS) == 1
    assert "second   | second cannot start" in run.printed
    assert "second ended too early (exit code 3)" in run.printed
    assert are_gone(run.pids("first"))


def test_the_end_of_whoever_started_it_can_be_the_end_of_the_run(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.ops.small_runner", str(tmp_path), "with-parent"]
    with (tmp_path / "log").open("wb") as log:
        parent = subprocess.Popen(["sh", "-c", '"$@" & wait', "parent", *words], stdout=log, stderr=log)
    assert eventually(lambda: "all ready" in (tmp_path / "log").read_text())
    pids = [int(word) for name in ("first", "second") for word in (tmp_path / f"{name}.pids").read_text().split()]
    parent.kill()
    parent.wait()
    assert are_gone(pids)


def test_a_closed_terminal_stops_everything(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tests.ops.small_runner", str(tmp_path)]
    run = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert eventually(lambda: (tmp_path / "second.up").exists())
    run.stdout.close()
    pids = [int(word) for name in ("first", "second") for word in (tmp_path / f"{name}.pids").read_text().split()]
    os.kill(pids[-1], signal.SIGKILL)
    assert run.wait(SECONDS) == 128 + signal.SIGHUP
    assert are_gone(pids)


def test_a_closed_terminal_window_stops_everything_without_any_signal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "tests.ops.small_runner", str(tmp_path)]
    run = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert eventually(lambda: (tmp_path / "second.up").exists())
    os.close(ours)
    assert run.wait(SECONDS) == 128 + signal.SIGHUP
    assert are_gone(
        [int(word) for name in ("first", "second") for word in (tmp_path / f"{name}.pids").read_text().split()]
    )
