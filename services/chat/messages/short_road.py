"""The short road of a send: from the worker's loop to the batcher and back, without a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from pydantic import ValidationError
from werkzeug.http import parse_cookie

from services.chat.messages.lane import Outcome
from services.chat.messages.schemas import SendRequest
from services.chat.messages.sending import Sender, read_result
from services.chat.rate_limits import SendLimit
from shared.caller import Identity
from shared.errors import AppError
from shared.logs import name_cause
from shared.short_road import HEADERS, Replies, Reply, Request
from shared.web import allow_origin, choose_request_id, name_pause, record

ROUTES = {"POST /chat/send": "/chat/send", "POST /messages": "/messages"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Trip:
    """One request that is being answered."""

    ticket: Any
    route: str
    began: float
    user_id: UUID
    request_id: str
    origin: str | None
    conversation_id: UUID
    body: SendRequest


class SendRoad:
    """``POST /chat/send`` and its alias of callers whose token is known, to conversations that are."""

    def __init__(self, identity: Identity, sender: Sender, limit: SendLimit) -> None:
        self._identity = identity
        self._sender = sender
        self._limit = limit
        self._reply: Callable[[Replies], None] = lambda _: None
        self._asking: list[_Trip] = []
        self._threads = ThreadPoolExecutor(2, "limits")

    def open(self, reply: Callable[[Replies], None]) -> None:
        self._reply = reply
        self._sender.hear(self._answer)

    def take(self, request: Request, ticket: Any) -> bool:
        began = time.perf_counter()
        route = ROUTES.get(request.line)
        headers = request.headers
        if route is None or headers.get("Content-Type") != "application/json":
            return False
        try:
            caller = self._identity.identify(
                headers,
                {} if "Authorization" in headers else parse_cookie(headers.get("Cookie")),
                unsafe=True,
                verify=self._identity.verifier.verify_at_once,
            )
            body = SendRequest.model_validate_json(request.body)
            conversation_id = self._sender.find_known(caller.user_id, body)
            if conversation_id is None:
                return False
            request_id = choose_request_id(headers.get("X-Request-Id", ""))
            trip = _Trip(ticket, route, began, caller.user_id, request_id, headers.get("Origin"), conversation_id, body)
            if self._limit.is_shared:
                self._asking.append(trip)
                return True
            if not self._limit.try_take(caller.user_id):
                return False
        except (AppError, ValidationError):
            return False
        try:
            self._submit(trip)
        except AppError as error:  # the queue is full; on the ordinary road it would count as a second one
            self._answer([(trip, error)])
        return True

    def set_out(self) -> None:
        if self._asking:
            trips, self._asking = self._asking, []
            self._threads.submit(self._ask, trips)
        self._sender.set_out()

    def _ask(self, trips: list[_Trip]) -> None:
        """Where the limit is kept in Redis: in another thread, for all that came in one round."""
        try:
            refusals = self._limit.take_each([trip.user_id for trip in trips])
        except Exception as error:
            self._answer([(trip, error) for trip in trips])
            return
        refused: list[tuple[_Trip, Outcome]] = []
        for trip, refusal in zip(trips, refusals, strict=True):
            try:
                if refusal is not None:
                    raise refusal
                self._submit(trip)
            except AppError as error:
                refused.append((trip, error))
        self._sender.set_out()
        if refused:
            self._answer(refused)

    def _submit(self, trip: _Trip) -> None:
        self._sender.submit(trip.user_id, trip.conversation_id, trip.body, trip.request_id, trip)

    def _answer(self, outcomes: list[tuple[_Trip, Outcome]]) -> None:
        self._reply([(trip.ticket, self._make_reply(trip, outcome)) for trip, outcome in outcomes])

    def _make_reply(self, trip: _Trip, outcome: Outcome) -> Reply:
        headers = {**HEADERS, "X-Request-Id": trip.request_id, **allow_origin(trip.origin, self._identity.origins)}
        status, body = _read(outcome, headers, trip.request_id)
        seconds = time.perf_counter() - trip.began
        record("POST", trip.route, status, seconds, user_id=str(trip.user_id), request_id=trip.request_id)
        return Reply(status, headers, orjson.dumps(body))


def _read(outcome: Outcome, headers: dict[str, str], request_id: str) -> tuple[int, dict[str, Any]]:
    """Status and body; an error adds its own headers."""
    try:
        if isinstance(outcome, Exception):
            raise outcome
        return read_result(outcome)
    except Exception as caught:
        error = caught if isinstance(caught, AppError) else AppError()
        if error is not caught:
            log.error("bug", exc_info=caught, request_id=request_id)
    headers.update(name_pause(error))
    if error.status >= 500:
        log.warning("failed", error_code=error.code, cause=name_cause(error), request_id=request_id)
    return error.status, error.body()
