"""Reads ``chat.messages`` along, from the first record, as another system would; survives the broker's ends."""

from __future__ import annotations

import json
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

TOPIC = "chat.messages"
LOOK_SECONDS = 2.0


class TopicReader:
    """``seen``: (conversation_id, seq) of every event."""

    def __init__(self, bootstrap: str) -> None:
        self.seen: set[tuple[str, int]] = set()
        self._bootstrap = bootstrap
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-reader")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def read_now(self, within: float = 30.0) -> set[tuple[str, int]]:
        """What is in the topic now, from its beginning to its end."""
        found: set[tuple[str, int]] = set()
        with _Reading(self._bootstrap) as reading:
            deadline = time.monotonic() + within
            ends = reading.find_ends()
            while not reading.is_at(ends) and time.monotonic() < deadline:
                found.update(reading.take())
        return found

    def _follow(self, reading: _Reading) -> bool:
        """False when it must begin anew: after a broker without memory was started again a consumer hears no more."""
        until, before = time.monotonic() + LOOK_SECONDS, len(self.seen)
        while time.monotonic() < until and not self._stopping.is_set():
            self.seen.update(reading.take())
        return len(self.seen) > before or reading.is_at(reading.find_ends())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with _Reading(self._bootstrap) as reading:
                    while not self._stopping.is_set() and self._follow(reading):
                        pass
            except KafkaException:
                self._stopping.wait(0.5)


class _Reading:
    """All partitions from their beginning."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "chaos",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            },
        )

    def __enter__(self) -> _Reading:
        try:
            topics = self._consumer.list_topics(TOPIC, timeout=5).topics
            self._positions = dict.fromkeys(topics[TOPIC].partitions, 0)
            self._consumer.assign([TopicPartition(TOPIC, number, 0) for number in self._positions])
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def take(self) -> list[tuple[str, int]]:
        found = []
        for record in self._consumer.consume(200, 0.3):
            if record.error():
                continue
            partition, offset = record.partition(), record.offset()
            assert partition is not None
            assert offset is not None
            self._positions[partition] = offset + 1
            if place := _find_place(record.value()):
                found.append(place)
        return found

    def find_ends(self) -> dict[int, int]:
        """The offset after the last record of each partition. Takes a second: one question each."""
        return {
            number: self._consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=5)[1]
            for number in self._positions
        }

    def is_at(self, ends: dict[int, int]) -> bool:
        return self._positions == ends


def _find_place(value: bytes | None) -> tuple[str, int] | None:
    """Of an event in its conversation's log. A broker that others use too holds what they made up, poison as well."""
    try:
        data = json.loads(value or b"")["data"]
        return data["conversation_id"], data["seq"]
    except (ValueError, KeyError, TypeError):
        return None
