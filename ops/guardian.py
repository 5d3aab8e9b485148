"""Ends every child's process group when the runner is gone, however it went (`kill -9` included).

Runs as a process of its own. Its arguments, and the lines on its stdin, the other end of which only the runner holds:
`+<group> <signal>` a group to end and the signal it stops cleanly on, `-<group>` one that has ended.
"""

import os
import signal
import sys
import time
from itertools import chain

GRACE_SECONDS = 5.0


def main() -> None:
    # What is meant for the runner must not take its guardian along.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in chain(sys.argv[1:], sys.stdin):
        group, _, stop_signal = line[1:].partition(" ")
        if line.startswith("+"):
            groups[int(group)] = int(stop_signal)
        else:
            groups.pop(int(group), None)
    end(groups)


def end(groups: dict[int, int]) -> None:
    """Ask each group to stop, wait for all, and kill what is left after the grace."""
    remaining = {group for group, number in groups.items() if send(group, number)}
    deadline = time.monotonic() + GRACE_SECONDS
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = {group for group in remaining if send(group, 0)}
    for group in groups:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Whether there was anybody to send it to."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group that holds only zombies.
        return False
    return True


if __name__ == "__main__":
    main()
