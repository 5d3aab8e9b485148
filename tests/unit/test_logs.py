"""What a log line says of an error, and what it must not say."""

from __future__ import annotations

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
