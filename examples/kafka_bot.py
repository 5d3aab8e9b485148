"""A bot on Pulse's Kafka topics: answers "!ping" with "pong", in every conversation it is a member of.

    pip install confluent-kafka requests
    KAFKA_BOOTSTRAP_SERVERS=localhost:9092 PULSE_EMAIL=bot@example.org PULSE_PASSWORD=… python examples/kafka_bot.py

Start another as it is and the partitions are shared between them. Three habits make it right whatever dies:
it drops what it has seen by `id` (at least once means sometimes twice), it commits after it has answered, and its
answer's id is made from the event's, so that a repeated answer is the same message.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import uuid
from collections import OrderedDict
from typing import Any

import requests
from confluent_kafka import Consumer

AUTH_URL = os.environ.get("PULSE_AUTH_URL", "http://localhost:5001")
CHAT_URL = os.environ.get("PULSE_CHAT_URL", "http://localhost:5002")
GROUP = os.environ.get("PULSE_BOT_GROUP", "ping-bot")
SECONDS = 10


class Pulse:
    """Somebody who signs in with a password and sends."""

    def __init__(self) -> None:
        self.sign_in()

    def sign_in(self) -> None:
        who = {"email": os.environ["PULSE_EMAIL"], "password": os.environ["PULSE_PASSWORD"]}
        answer = requests.post(f"{AUTH_URL}/auth/login", json=who, timeout=SECONDS)
        answer.raise_for_status()
        session = answer.json()
        self.user_id, self.token = session["user"]["id"], session["access_token"]

    def send(self, message: dict[str, Any]) -> None:
        """Once, however often it is said with the same id. A conversation that is ours no more is none of ours."""
        answer = self._post(message)
        if answer.status_code == 401:
            self.sign_in()
            answer = self._post(message)
        if answer.status_code != 404:
            answer.raise_for_status()

    def _post(self, message: dict[str, Any]) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.post(f"{CHAT_URL}/chat/send", json=message, headers=headers, timeout=SECONDS)


def find_answer(event: dict[str, Any], bot_id: str) -> dict[str, Any] | None:
    """The message to send back, or None."""
    if event["type"] != "message.sent" or bot_id not in event["to"]:
        return None
    message = event["data"]["message"]
    if message["sender_id"] == bot_id or message["content"] != "!ping":
        return None
    answer_id = uuid.uuid5(uuid.NAMESPACE_URL, "ping-bot:" + event["id"])
    return {"id": str(answer_id), "conversation_id": message["conversation_id"], "content": "pong"}


def main() -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pulse = Pulse()
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": GROUP,
            "auto.offset.reset": "latest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
        }
    )
    consumer.subscribe(["chat.messages"])
    seen: OrderedDict[str, None] = OrderedDict()
    while not stopping.is_set():
        record = consumer.poll(0.5)
        if record is None or record.error():
            continue
        event = json.loads(record.value() or b"null")
        if event and event["version"] == 1 and event["id"] not in seen:
            answer = find_answer(event, pulse.user_id)
            if answer:
                pulse.send(answer)
            seen[event["id"]] = None
            if len(seen) > 10_000:
                seen.popitem(last=False)
        consumer.commit(message=record, asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
