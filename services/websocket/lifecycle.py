"""What an app runs beside its requests, from when it serves until it stops."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Flask

from services.websocket import green

log = structlog.get_logger()


class CantStart(Exception):
    """``str()`` names the setting and what is wrong with what it points at."""


def before_start(app: Flask, prepare: Callable[[], None]) -> None:
    """``prepare`` is done before the first client is let in; it may raise CantStart."""
    app.extensions.setdefault("pulse.preparations", []).append(prepare)


def on_start(app: Flask, start: Callable[[], None]) -> None:
    """``start`` runs in a green thread of its own when serving begins."""
    app.extensions.setdefault("pulse.starts", []).append(start)


def on_stop(app: Flask, stop: Callable[[], None]) -> None:
    """``stop`` runs when the process was told to end, while its clients are still there."""
    app.extensions.setdefault("pulse.stops", []).append(stop)


def repeat(act: Callable[[], None], *, seconds: float) -> Callable[[], None]:
    """``act`` again and again; one failure does not end it."""

    def run() -> None:
        while True:
            try:
                act()
            except Exception:
                log.exception("bug")
            green.sleep(seconds)

    return run
