"""Waiting for what happens in other processes: looked at again and again until a deadline, never slept for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 30.0  # for what takes milliseconds on an idle machine


def eventually(look: Callable[[], T], what: str = "it", within: float = PATIENCE_SECONDS, pause: float = 0.02) -> T:
    """The first truthy answer of ``look``. Raises AssertionError after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {within} s; last seen: {found!r}")
        time.sleep(pause)
