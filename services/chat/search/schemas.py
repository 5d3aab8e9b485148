"""What searching takes and answers."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field

from shared.wire import Input, Message, Output, Text

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def check_moment(value: object) -> object:
    """Refuses what pydantic would also read as a time: seconds since 1970, dates, times of no zone."""
    if isinstance(value, str) and not RFC_3339.fullmatch(value):
        raise ValueError("must be a time as in created_at")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(check_moment)]


class SearchQuery(Input):
    """``from``: who wrote it; ``before``: messages sent before that moment."""

    q: Text = Field(min_length=1, max_length=200, description='words, beginnings of words, and "whole words in a row"')
    conversation_id: UUID | None = None
    sender_id: UUID | None = Field(None, alias="from")
    before: Moment | None = None
    limit: int = Field(20, ge=1, le=50)
    cursor: Text | None = Field(None, max_length=1_000)


class Match(Output):
    message: Message
    highlights: list[tuple[int, int]] = Field(
        description="what matched: [start, end) in code points of message.content, ascending, apart from each other"
    )


class Matches(Output):
    """Newest first."""

    matches: list[Match]
    next_cursor: str | None
