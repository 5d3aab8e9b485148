"""Calls that are to fail, and what stands in their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.sql.conftest import Room


def send(room: Room, message: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = room.database.call("send_messages", messages=[message])["results"][0]
    return result


def count_messages(owner_url: str) -> int:
    with psycopg.connect(owner_url) as owner:
        return int(owner.execute("select count(*) from messages").fetchall()[0][0])


def wait_for_lock(owner: psycopg.Connection) -> int:
    """The backend that waits for what ``owner`` holds; 30 s at most."""
    deadline = time.monotonic() + 30
    waiting = "select pid from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"
    while time.monotonic() < deadline:
        if found := owner.execute(waiting).fetchone():
            return int(found[0])
    raise AssertionError("nobody waited")


@contextmanager
def held(owner_url: str, statement: str, *values: Any) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url) as owner:
        owner.execute(statement.encode(), values)
        yield owner


def kind_of(raised: Callable[[], Any]) -> type[BaseException]:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one it is, is asked next
        raised()
    return caught.type
