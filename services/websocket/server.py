"""Runs the service on its own loop until it is told to stop."""

from __future__ import annotations

import gc
import resource
import socket
import time

import structlog

from services.websocket import green
from services.websocket.app import create_app
from services.websocket.door import Door
from services.websocket.lifecycle import CantStart
from services.websocket.settings import WebsocketSettings
from shared.logs import configure_logs
from shared.settings import SettingsError, exit_with
from shared.unread import refuse

# Everybody comes back at once after a restart, and who finds no room asks again after 1, 3 and 7 s. The system's own
# bound holds, too (somaxconn, on Linux mostly 4,096).
BACKLOG = 4_096
SPARE_FILES = 64  # descriptors for everything that is not a client
MOST_FILES = 1_048_576
DRAIN_SECONDS = 5.0
# So often the garbage collector looks at what is rather new before it looks at everything: that is up to 0.1 s in which
# 5,000 clients hear nothing, and each crowd that comes would bring it about. Who leaves is no garbage it has to find.
LOOKS_AT_NEW = 30

log = structlog.get_logger()


def main() -> None:
    """Exits 2 for wrong settings, 1 when the address is taken or Redis refuses, 0 when told to stop."""
    try:
        settings = WebsocketSettings.read()
    except SettingsError as error:
        exit_with(error, "websocket")
    configure_logs("websocket", settings.log_format, settings.log_level)
    try:
        listening = green.listen(settings.host, settings.port, BACKLOG)
    except OSError as error:
        raise SystemExit(f"websocket: can't listen on {settings.host}:{settings.port}: {error.strerror}") from None
    run(listening, settings)


def run(listening: socket.socket, settings: WebsocketSettings) -> None:
    most = raise_file_limit()
    app = create_app(settings, most_websockets=most)
    try:
        for prepare in app.extensions.get("pulse.preparations", ()):
            prepare()
    except CantStart as error:
        raise SystemExit(f"websocket: {error}") from None
    for start in app.extensions["pulse.starts"]:
        green.spawn(start)

    gc.collect()
    gc.freeze()  # what is here stays: each look for garbage would begin with it
    gc.set_threshold(*gc.get_threshold()[:2], LOOKS_AT_NEW)

    def drain() -> None:
        log.info("stopping")
        for stop in app.extensions["pulse.stops"]:
            stop()
        until = time.monotonic() + DRAIN_SECONDS / 2
        while app.extensions["pulse.sockets"].connections and time.monotonic() < until:
            green.sleep(0.02)

    log.info("serving", host=settings.host, port=settings.port)
    sockets = app.extensions["pulse.sockets"]
    door = Door(listening, sockets.watch, sockets.short_road, sockets.welcome)
    door.most_files = most + SPARE_FILES // 2
    if not green.serve(door, app, connections=most, drain=drain, drain_seconds=DRAIN_SECONDS, refuse=refuse):
        raise SystemExit("websocket: the server loop ended by itself")
    log.info("stopped")


def raise_file_limit() -> int:
    """How many clients fit into the descriptors this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(most - SPARE_FILES, 16)
