"""A short road for plain reads: from the worker's loop to one of a few threads and back, past gunicorn's and Flask's.

What is answered is what the route's own view answers to the query its route declares; so nothing is said twice but what
a plain request looks like. docs/decisions/0018.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from flask import Flask
from pydantic import BaseModel, ValidationError
from werkzeug.http import parse_cookie

from shared.api import Route, check_shape
from shared.caller import Caller, Identity
from shared.database import NOT_ANSWERING
from shared.errors import AppError, Unavailable
from shared.logs import name_cause
from shared.short_road import HEADERS, Replies, Reply, Request
from shared.web import allow_origin, choose_request_id, name_pause, record

THREADS = 4  # half of a process's database connections: sends keep theirs
WAITING = 64  # more have the ordinary road's threads
WAIT_SECONDS = 5.0  # for a thread, as for a connection of the database
LOOK_SECONDS = 1.0  # how often those that wait are looked through
PAIR = r"[a-z_]+=[A-Za-z0-9_.:~-]+"  # nothing to be decoded, nothing empty
QUERY = re.compile(rf"(?:{PAIR}(?:&{PAIR})*)?")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Trip:
    """One request that is being answered."""

    ticket: Any
    route: Route
    began: float
    caller: Caller
    query: BaseModel
    request_id: str
    origin: str | None


class ReadRoad:
    """``GET`` of ``paths`` by callers whose token is known; their views take ``caller`` and ``query``."""

    def __init__(self, app: Flask, identity: Identity, paths: Iterable[str]) -> None:
        routes = {route.path: route for route in app.extensions["pulse.routes"] if route.method == "GET"}
        self._routes: dict[str, Route] = {path: routes[path] for path in paths}
        self._app = app
        self._identity = identity
        self._reply: Callable[[Replies], None] = lambda _: None
        self.wait_seconds = WAIT_SECONDS
        self._room = threading.Semaphore(WAITING)
        self._waiting: deque[_Trip] = deque()
        self._looked_at = time.monotonic()
        self._threads = ThreadPoolExecutor(THREADS, "reads")

    def open(self, reply: Callable[[Replies], None]) -> None:
        self._reply = reply

    def take(self, request: Request, ticket: Any) -> bool:
        began = time.perf_counter()
        method, _, target = request.line.partition(" ")
        path, _, asked = target.partition("?")
        route = self._routes.get(path)
        if route is None or method != "GET" or request.body or not QUERY.fullmatch(asked):
            return False
        headers = request.headers
        try:
            caller = self._identity.identify(
                headers,
                {} if "Authorization" in headers else parse_cookie(headers.get("Cookie")),
                unsafe=False,
                verify=self._identity.verifier.verify_at_once,
            )
            query = read_query(route, asked)
        except (AppError, ValidationError):
            return False
        if query is None or not self._room.acquire(blocking=False):
            return False
        request_id = choose_request_id(headers.get("X-Request-Id", ""))
        trip = _Trip(ticket, route, began, caller, query, request_id, headers.get("Origin"))
        self._waiting.append(trip)
        self._threads.submit(self._answer_next)
        return True

    def set_out(self) -> None:
        """None waits for another; those that wait too long for a thread are given up."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        late = time.perf_counter() - self.wait_seconds
        while (trip := self._next()) is not None:
            if trip.began > late:
                self._waiting.appendleft(trip)
                self._threads.submit(self._answer_next)  # one may have looked meanwhile, and found nothing
                return
            self._answer(trip, self._give_up)

    def _next(self) -> _Trip | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _answer_next(self) -> None:
        trip = self._next()
        if trip is not None:  # else it was given up
            self._answer(trip, self._ask)

    def _give_up(self, _trip: _Trip) -> bytes:
        raise Unavailable(NOT_ANSWERING)

    def _answer(self, trip: _Trip, ask: Callable[[_Trip], bytes]) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=trip.request_id)
        headers = {**HEADERS, "X-Request-Id": trip.request_id, **allow_origin(trip.origin, self._identity.origins)}
        try:
            status, body = trip.route.status, ask(trip)
        except Exception as caught:
            error = caught if isinstance(caught, AppError) else AppError()
            if error is not caught:
                log.error("bug", exc_info=caught)
            headers.update(name_pause(error))
            if error.status >= 500:
                log.warning("failed", error_code=error.code, cause=name_cause(error))
            status, body = error.status, orjson.dumps(error.body(), option=orjson.OPT_APPEND_NEWLINE)
        finally:
            self._room.release()
        seconds = time.perf_counter() - trip.began
        record("GET", trip.route.path, status, seconds, user_id=str(trip.caller.user_id))
        self._reply([(trip.ticket, Reply(status, headers, body))])

    def _ask(self, trip: _Trip) -> bytes:
        with self._app.app_context():
            body = trip.route.view(caller=trip.caller, query=trip.query).body
        body = body if isinstance(body, bytes) else orjson.dumps(body)
        if self._app.config.get("CHECK_ANSWERS"):
            check_shape(trip.route.answer, orjson.loads(body))
        return body


def read_query(route: Route, asked: str) -> BaseModel | None:
    """None where a name is there twice: which one counts is said elsewhere. Raises ValidationError."""
    given = [pair.split("=") for pair in asked.split("&")] if asked else []
    values = dict(given)
    if len(values) < len(given) or route.query is None:
        return None
    names = {info.alias or name for name, info in route.query.model_fields.items()}
    return route.query.model_validate({name: values[name] for name in names & values.keys()}, strict=False)
