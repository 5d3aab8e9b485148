"""`python -m ops.stop`: end the run of this checkout, if there is one, and wait until nothing of it is left."""

import os
import signal
import sys
import time

from ops.lock import RunLock
from ops.output import complain
from ops.places import find_var

SECONDS = 30.0


def main() -> int:
    var = find_var()
    if not (var / "run.lock").exists():
        print("Pulse is not running")
        return 0
    lock = RunLock(var)
    if lock.is_free():
        print("Pulse is not running")
        return 0
    pid = lock.find_runner()
    if pid is not None:
        try:
            os.kill(pid, signal.SIGTERM)
        except PermissionError:
            complain(f"process {pid} belongs to another user: stop it as that user")
            return 1
    deadline = time.monotonic() + SECONDS
    while not lock.is_free():
        if time.monotonic() > deadline:
            complain(f"it has not stopped within {SECONDS:.0f} seconds (process {pid})")
            return 1
        time.sleep(0.05)
    print("Pulse has stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
