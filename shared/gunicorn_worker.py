"""gunicorn's threaded worker, answering what never reaches Flask in the contract's shape too."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from shared.errors import AppError, BadRequest

log = structlog.get_logger()


class UriTooLong(AppError):
    code, status, message = "uri_too_long", 414, "The address is too long."


class HeadersTooLarge(AppError):
    code, status, message = "headers_too_large", 431, "The request's headers are too large."


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    def handle_error(self, _request: Any, client: Any, _address: Any, cause: BaseException) -> None:
        """The connection's last answer. gunicorn's own is HTML, and its log line quotes the address."""
        error = _as_app_error(cause)
        log.warning("request_not_read", error_code=error.code, cause=type(cause).__name__)
        body = json.dumps(error.body()).encode()
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with suppress(OSError):  # the client may have gone
            write_nonblock(client, head.encode() + body)


def _as_app_error(cause: BaseException) -> AppError:
    if isinstance(cause, LimitRequestLine):
        return UriTooLong()
    if isinstance(cause, LimitRequestHeaders):
        return HeadersTooLarge()
    return BadRequest() if isinstance(cause, ParseException) else AppError()
