"""Structured logs: one JSON object (or, for people, one console line) an event, with the request's id."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

import orjson
import structlog
from pydantic import ValidationError
from structlog.typing import EventDict, WrappedLogger

REDACTED = {
    "token",
    "token_hash",
    "code",
    "secret",
    "password",
    "refresh_token",
    "access_token",
    "authorization",
    "cookie",
}
LEVELS = {"warn": "warning", "exception": "error"}  # of methods not named like theirs


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # A last net under "secrets never reach logs": a field of such a name is never written, whoever logged it.
    if not REDACTED.isdisjoint(event):
        event.update(dict.fromkeys(REDACTED & event.keys(), "[redacted]"))
    return event


def name_cause(error: BaseException) -> str:
    """What brought ``error`` about, for a log line. pydantic's errors quote their input, which may be a token."""
    cause = error.__cause__ or error
    return type(cause).__name__ if isinstance(cause, ValidationError) else repr(cause)


def configure_logs(service: str, log_format: str = "json", level: str = "info") -> None:
    """Sends structlog and the standard library's loggers to stdout in one shape."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    def render(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        # All at once: a step of structlog's for each field costs as much again, and each request writes a line.
        for name, value in structlog.contextvars.get_contextvars().items():
            event.setdefault(name, value)
        event["service"], event["level"] = service, LEVELS.get(method, method)
        event["timestamp"] = datetime.now(UTC)
        return _encode(_redact(logger, method, event))

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service if log_format == "json" else _nothing,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if log_format == "json" else _nothing,
        _redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=lambda event, **_: _encode(event).decode())
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    format_error = structlog.processors.format_exc_info
    structlog.configure(
        processors=[format_error, render] if log_format == "json" else [*shared, format_error, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer)
        if log_format == "json"
        else structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                format_error,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel("WARNING")  # it would log the address of every call to Supabase
    logging.getLogger("urllib3").setLevel("ERROR")  # a refused connection is logged by who made it, once


def _encode(event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)
    except TypeError:  # a number above 64 bits, or half of a surrogate pair
        return json.dumps(event, default=str).encode()


def _nothing(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return event
