"""The runner's side of the guardian (ops/guardian.py)."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ops import guardian


class Guard:
    """Keeps a guardian running and told of every process group; `keep_open` are files it holds as long as it lives."""

    def __init__(self, keep_open: tuple[int, ...] = ()) -> None:
        self._keep_open = keep_open
        self._groups: dict[int, int] = {}
        self._start()

    def add(self, group: int, stop_signal: int) -> None:
        self._groups[group] = stop_signal
        self._tell(_line((group, stop_signal)))

    def remove(self, group: int) -> None:
        del self._groups[group]
        self._tell(f"-{group}")

    def check(self) -> None:
        """Start another one if it was killed."""
        if self._process.poll() is not None:
            self._start()

    def close(self) -> None:
        """Let it see to what is left, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            # As arguments, not over the pipe: it knows them even if the runner is killed in this very moment.
            [sys.executable, "-I", str(Path(guardian.__file__)), *map(_line, self._groups.items())],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pass_fds=self._keep_open,
        )

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # It was killed: the next check starts another, which hears of every group.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")


def _line(group: tuple[int, int]) -> str:
    return f"+{group[0]} {group[1]}"
