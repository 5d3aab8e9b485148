"""The indexer against a database that can't do a whole batch of long texts in time."""

from typing import Any

import pytest

from services.chat.search.indexer import BATCH, Indexer
from shared.errors import Unavailable


class Slow:
    """Has time for ``most`` messages a call."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def call(self, function: str, /, **arguments: Any) -> Any:
        assert function == "index_messages"
        self.asked.append(arguments["page_limit"])
        if arguments["page_limit"] > self.most:
            raise Unavailable()
        return {"more": True}

    def read(self, function: str, seconds: float | None = None, /, **arguments: Any) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_a_batch_that_takes_too_long_is_halved_until_it_goes_and_grows_again() -> None:
    database = Slow(BATCH // 3)
    indexer = Indexer(database)
    for _ in range(2):
        with pytest.raises(Unavailable):
            indexer.index()
    assert indexer.index()
    assert database.asked == [BATCH, BATCH // 2, BATCH // 4]
    database.most = BATCH
    assert [indexer.index() for _ in range(3)] == [True] * 3
    assert database.asked[3:] == [BATCH // 2, BATCH, BATCH]


def test_one_message_is_the_least() -> None:
    database = Slow(0)
    indexer = Indexer(database)
    for _ in range(12):
        with pytest.raises(Unavailable):
            indexer.index()
    assert database.asked[-1] == 1
