"""Whether the log that is read is still the one it was: by its end, which a broker does not always know."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from services.chat.bridge.positions import Positions
from services.chat.kafka.connection import MESSAGES
from tests.kafka.conftest import chat_settings


class Reader:
    """A consumer that has read eight records of one partition."""

    def __init__(self) -> None:
        self.sought: list[int] = []

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(MESSAGES, 0)]

    def position(self, _places: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(MESSAGES, 0, 8)]

    def seek(self, place: TopicPartition) -> None:
        self.sought.append(place.offset)


class Ends:
    """Answers as AdminClient does, with one end after the other."""

    def __init__(self, *ends: int) -> None:
        self._ends = list(ends)

    def list_offsets(self, asked: dict[TopicPartition, Any], **_: object) -> dict[TopicPartition, Future[Any]]:
        answer: Future[Any] = Future()
        answer.set_result(SimpleNamespace(offset=self._ends.pop(0)))
        return dict.fromkeys(asked, answer)


def seek_by(*ends: int) -> list[int]:
    reader = Reader()
    settings, admin = chat_settings("127.0.0.1:1"), cast(AdminClient, Ends(*ends))
    positions = Positions(settings, cast(Consumer, reader), admin)
    for _ in ends:
        positions.look()
    return reader.sought


def test_a_log_that_grows_or_stays_is_read_on() -> None:
    assert seek_by(8, 8, 12) == []


def test_a_log_that_is_shorter_than_before_is_read_from_its_beginning() -> None:
    assert seek_by(8, 3) == [0]


def test_an_end_that_the_broker_does_not_know_yet_says_nothing() -> None:
    assert seek_by(8, OFFSET_INVALID, 8, 9) == []
    assert seek_by(8, OFFSET_INVALID, 3) == [0]
