"""One process that the runner keeps alive, with everything it starts in turn."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from ops.guardian import send

# Waits for the runner's word before it becomes the program, so that no child can exist of which the guardian was
# never told; without the runner there is no word, and it ends.
GATE = ("sh", "-c", 'read -r go && exec "$@" </dev/null', "pulse")


@dataclass(frozen=True)
class Child:
    """What to run. `is_ready` is asked again and again until it is true; it must answer within a second."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 5.0


class Process:
    """A started child: the leader of a session and process group of its own, with its output on one pipe."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._popen = subprocess.Popen(
            [*GATE, *child.command],
            env=dict(child.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._word: IO[bytes] = self._popen.stdin
        self.output: IO[bytes] = self._popen.stdout
        os.set_blocking(self.output.fileno(), False)

    @property
    def group(self) -> int:
        return self._popen.pid

    def go(self) -> None:
        # Killed at the gate it is found dead, like any other.
        with suppress(BrokenPipeError), self._word:
            self._word.write(b"go\n")

    def find_exit(self) -> int | None:
        """None while it runs; then its exit code, or minus the signal that ended it."""
        return self._popen.poll()

    def send(self, number: int) -> None:
        send(self.group, number)
