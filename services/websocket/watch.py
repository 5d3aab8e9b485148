"""One selector for many connections, in one green thread."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from services.websocket import green

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# A crowd that comes at once is let in by a few at a time: deliveries and everybody else get their turns in between.
TURN_SECONDS = 0.002

log = structlog.get_logger()
_watches: dict[Any, Watch] = {}  # by the green thread that does it


def rest() -> None:
    """Everybody else's turn. Where a callback rests, its watch goes on meanwhile in another green thread."""
    watch = _watches.get(green.current())
    if watch is not None:
        watch.begin()
    green.sleep(0)


class Watch:
    """Calls back for each of many sockets that has something to read, or room again, in one green thread for all.

    Its selector (epoll, kqueue) is a single descriptor for the server's loop. Callbacks may ``rest``, and must not wait
    otherwise; one whose socket was removed a moment ago may still come. One that raises loses its socket, which costs
    no other.

    ``first``: a descriptor that gets every other turn while others have much to say. While 5,000 that had left at once
    were counted out nobody was let in, and the queue of those who came back overflowed.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self._selector: Any = None
        self._watching: Any = None  # the green thread that does
        self._until = 0.0

    def add(self, connection: socket.socket, ready: Callable[[int], None]) -> None:
        """``ready`` is called with READ, for now."""
        self.change(connection, 0, READ, ready)

    def change(self, connection: socket.socket, before: int, interest: int, ready: Callable[[int], None]) -> None:
        """``before`` and ``interest`` are sums of READ and WRITE; 0 removes it, and comes before its closing."""
        if self._selector is None:
            self._selector = green.plain_selectors.DefaultSelector()
            self._readable = green.Readable(self._selector.fileno())
            self.begin()
        if not interest:
            self._selector.unregister(connection.fileno())
        elif not before:
            self._selector.register(connection.fileno(), interest, ready)
        else:
            self._selector.modify(connection.fileno(), interest, ready)

    @property
    def is_due(self) -> bool:
        """Its turn is over: a callback that could do more of the same had better come back for it."""
        return time.monotonic() > self._until

    def begin(self) -> None:
        """In a green thread of its own; whoever did it before ends after the callback it is in."""
        _watches.pop(self._watching, None)
        self._watching = green.spawn(self._run)
        _watches[self._watching] = self

    def _run(self) -> None:
        self._until = time.monotonic() + TURN_SECONDS
        while True:
            found = self._selector.select(0)
            if not found:
                self._readable.wait()
                self._until = time.monotonic() + TURN_SECONDS
            for key, events in found:
                self._call(key, events)
                if self._was_over() and key.fd != self.first:
                    self._call_first()
                if green.current() is not self._watching:
                    return  # it rested; what else was found is found again

    def _call(self, key: Any, events: int) -> None:
        try:
            key.data(events)
        except Exception:
            log.exception("bug")
            with suppress(KeyError, ValueError, OSError):
                self._selector.unregister(key.fd)

    def _call_first(self) -> None:
        key = self._selector.get_map().get(self.first) if self.first is not None else None
        if key is not None:
            self._call(key, READ)
            self._was_over()

    def _was_over(self) -> bool:
        """Its turn, and everybody else had theirs."""
        if not self.is_due or green.current() is not self._watching:
            return False
        green.sleep(0)
        self._until = time.monotonic() + TURN_SECONDS
        return True
