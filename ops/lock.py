"""One run per checkout: a lock on `var/run.lock`, in which the process that holds it is named."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from ops.errors import SetupError
from ops.processes import find_command_line

LEFTOVERS_SECONDS = 20.0


class RunLock:
    """Held until `close`, and by whoever else was given the file, so that it covers everything a run has started."""

    def __init__(self, var: Path) -> None:
        self.path = var / "run.lock"
        self._file: IO[str] = self.path.open("a+")

    def fileno(self) -> int:
        return self._file.fileno()

    def take(self) -> None:
        """Raises SetupError when a run is under way. The leftovers of one that was killed are waited for."""
        deadline = None
        while not self._try():
            pid = self.find_runner()
            if pid is not None:
                raise SetupError(f"Pulse already runs from this checkout (process {pid}): `make stop` ends it")
            if deadline is None:
                print("waiting until what an earlier run left behind has ended", flush=True)
                deadline = time.monotonic() + LEFTOVERS_SECONDS
            if time.monotonic() > deadline:
                raise SetupError(f"something of an earlier run still holds {self.path}")
            time.sleep(0.1)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def is_free(self) -> bool:
        if not self._try():
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def find_runner(self) -> int | None:
        """The process named in the file, if it is a living runner."""
        self._file.seek(0)
        word = self._file.read().strip()
        if not word.isdigit() or "ops.run" not in (find_command_line(int(word)) or ""):
            return None
        return int(word)

    def close(self) -> None:
        self._file.close()

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
