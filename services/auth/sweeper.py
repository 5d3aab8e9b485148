"""Removes rows that have outlived their use, every few minutes, in each worker."""

from __future__ import annotations

import random
import threading
import time

import structlog

from shared.database import Database
from shared.errors import Unavailable

SWEEP_SECONDS = 600.0

log = structlog.get_logger()


def start_sweeping(database: Database) -> None:
    """``database`` calls the functions of the schema builtin_auth."""
    threading.Thread(target=_sweep, args=[database], name="sweeper", daemon=True).start()


def _sweep(database: Database) -> None:
    while True:
        # Spread, so that several workers do not all do it at the same moment.
        time.sleep(SWEEP_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            database.call("sweep")
        except Unavailable as error:
            log.info("not_swept", cause=str(error))
        except Exception:
            log.exception("not_swept")
