"""What a service's processes hold: memory, threads, open files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.system.processes import Process


@dataclass(frozen=True)
class Footprint:
    """Of the largest of its processes: ``megabytes`` resident."""

    megabytes: float
    threads: int
    files: int

    def __str__(self) -> str:
        return f"{self.megabytes:.0f} MB, {self.threads} threads, {self.files} files"


def measure(process: Process) -> Footprint:
    found = []
    master = psutil.Process(process.pid)
    for one in (master, *master.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found.append((one.memory_info().rss / 1e6, one.num_threads(), one.num_fds()))
    return Footprint(*(max(values) for values in zip(*found, strict=True)))
