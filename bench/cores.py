"""Which cores a process runs on: servers and the load client are kept apart, and all servers are treated alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

if not hasattr(os, "sched_getaffinity"):
    raise SystemExit("pulse: the benchmark needs Linux: it binds processes to cores and reads /proc")

ALL = set(os.sched_getaffinity(0))
SERVER = {min(ALL)}
LOAD = {max(ALL)}


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Processes started meanwhile run there; nothing of them ever ran elsewhere."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
