"""Telling the websocket service that somebody signed out, so that their sockets close at once.

Best effort: the revocation is what counts, and every websocket process reads it within a second.
"""

from __future__ import annotations

import contextvars

import structlog

from services.auth.background import Background
from shared.errors import Unavailable
from shared.service_client import ServiceClient, ServiceRefused

QUEUED_NOTICES = 1_000

log = structlog.get_logger()


class Notices:
    def __init__(self, websocket: ServiceClient) -> None:
        self._websocket = websocket
        self._background = Background("notices", QUEUED_NOTICES)

    def disconnect(self, **whom: str) -> None:
        """``session_id=`` or ``user_id=``; returns at once."""
        # In the context of the request, whose id goes along.
        context = contextvars.copy_context()
        self._background.submit(lambda: context.run(self._disconnect, whom))

    def close(self, seconds: float = 5.0) -> None:
        """Waits until the websocket service has been told, at most ``seconds``."""
        self._background.close(seconds)

    def _disconnect(self, whom: dict[str, str]) -> None:
        try:
            self._websocket.post("/disconnect", whom)
        except (Unavailable, ServiceRefused) as error:
            log.info("disconnect_not_told", cause=str(error))
