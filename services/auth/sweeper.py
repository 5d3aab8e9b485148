"""Removes rows that have outlived their use, every few minutes, in each worker."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable

import structlog

from shared.errors import Unavailable

SWEEP_SECONDS = 600.0

log = structlog.get_logger()


def start_sweeping(sweeps: Iterable[Callable[[], object]]) -> None:
    threading.Thread(target=_sweep, args=[tuple(sweeps)], name="sweeper", daemon=True).start()


def _sweep(sweeps: tuple[Callable[[], object], ...]) -> None:
    while True:
        # Spread, so that several workers do not all do it at the same moment.
        time.sleep(SWEEP_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            for sweep in sweeps:
                sweep()
        except Unavailable as error:
            log.info("not_swept", cause=str(error))
        except Exception:
            log.exception("not_swept")
