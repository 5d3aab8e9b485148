"""The last answer on a connection on which something came that is no request: in the contract's shape, and logged."""

from __future__ import annotations

import json
import uuid

import structlog

from shared.errors import AppError
from shared.short_road import HEADERS, Reply, frame

log = structlog.get_logger()


def refuse(error: AppError, cause: str) -> bytes:
    """``cause`` is a kind of error: what came is never quoted, as it may hold a token."""
    request_id = str(uuid.uuid4())  # not that of the request which this thread answered before
    log.warning("request_not_read", request_id=request_id, error_code=error.code, cause=cause)
    headers = {**HEADERS, "X-Request-Id": request_id}
    return frame(Reply(error.status, headers, json.dumps(error.body()).encode()), closes=True)
