"""What a log line says of an error, and what it must not say."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest
from pydantic import BaseModel, ValidationError

from shared.errors import AppError, Unavailable
from shared.logs import name_cause

TOKEN = "v7k2mq9xw4tz"


class Session(BaseModel):
    refresh_token: str
    expires_in: int


def caused_by(cause: Exception) -> AppError:
    error = Unavailable()
    error.__cause__ = cause
    return error


def test_a_cause_is_named_with_what_it_says() -> None:
    assert name_cause(caused_by(TimeoutError("after 2 s"))) == "TimeoutError('after 2 s')"
    assert name_cause(Unavailable("down")) == "Unavailable('down')"


def test_what_pydantic_was_given_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Session.model_validate({"refresh_token": TOKEN})
    assert TOKEN in repr(refused.value)
    for error in (caused_by(refused.value), refused.value):
        assert name_cause(error) == "ValidationError"


LINES = """
import structlog
from shared.logs import configure_logs
configure_logs("things", "json", "info")
log = structlog.get_logger()
structlog.contextvars.bind_contextvars(request_id="r-1", cookie="v7k2mq9xw4tz")
log.info("plain", n=1, request_id="its own", code="v7k2mq9xw4tz", seen={1, })
log.info("large", n=2**70, token="v7k2mq9xw4tz")
log.info("half", text="\\ud800")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("bug")
"""


def test_each_line_is_whole_json_without_secrets_whatever_it_holds() -> None:
    ended = subprocess.run([sys.executable, "-c", LINES], capture_output=True, text=True, timeout=60, check=True)
    assert TOKEN not in ended.stdout
    plain, large, half, bug = (json.loads(line) for line in ended.stdout.splitlines())
    assert (plain["request_id"], plain["seen"], plain["code"], plain["cookie"]) == (
        "its own",
        "{1}",
        "[redacted]",
        "[redacted]",
    )
    assert (large["n"], large["token"]) == (2**70, "[redacted]")
    assert half["text"] == "\ud800"
    assert (bug["level"], bug["event"], bug["request_id"]) == ("error", "bug", "r-1")
    assert "ZeroDivisionError" in bug["exception"]
    assert "exc_info" not in bug
    for line in (plain, large, half, bug):
        assert line["service"] == "things"
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    assert plain["timestamp"].endswith("Z")
