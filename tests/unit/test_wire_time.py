"""Times as the wire writes them, against the standard library's own words."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as some

from shared.wire import wire_time


@given(some.floats(-1e9, 4e9) | some.integers(0, 4_000_000_000).map(float))
@example(1_799_999_999.9999998)
@example(0.9999999)
@example(-0.25)
def test_times_have_microseconds_whatever_is_remembered(seconds: float) -> None:
    assert wire_time(seconds) == datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
