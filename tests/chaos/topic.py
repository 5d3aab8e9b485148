"""Reads ``chat.messages`` along, from the first record, as another system would; survives the broker's ends."""

from __future__ import annotations

import json
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

TOPIC = "chat.messages"
LOOK_SECONDS = 2.0


class TopicReader:
    """``seen``: (conversation_id, seq) of every event; ``ids``: how often each id came."""

    def __init__(self, bootstrap: str) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.ids: dict[str, int] = {}
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
            while not reading.at_end() and time.monotonic() < deadline:
                for _, key in reading.take():
                    found.add(key)
        return found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with _Reading(self._bootstrap) as reading:
                    looked = time.monotonic()
                    while not self._stopping.is_set():
                        for event_id, key in reading.take():
                            self.seen.add(key)
                            self.ids[event_id] = self.ids.get(event_id, 0) + 1
                        if time.monotonic() - looked > LOOK_SECONDS:
                            looked = time.monotonic()
                            if reading.is_beyond_end():
                                break  # a broker without memory was started again: from the beginning
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

    def take(self) -> list[tuple[str, tuple[str, int]]]:
        found = []
        for record in self._consumer.consume(200, 0.3):
            if record.error() or record.value() is None:
                continue
            partition, offset = record.partition(), record.offset()
            assert partition is not None
            assert offset is not None
            self._positions[partition] = offset + 1
            event = json.loads(record.value() or b"")
            found.append((event["id"], (event["data"]["conversation_id"], event["data"]["seq"])))
        return found

    def is_beyond_end(self) -> bool:
        return any(position > end for position, end in self._ends())

    def at_end(self) -> bool:
        return all(position >= end for position, end in self._ends())

    def _ends(self) -> list[tuple[int, int]]:
        return [
            (position, self._consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=5)[1])
            for number, position in self._positions.items()
        ]
