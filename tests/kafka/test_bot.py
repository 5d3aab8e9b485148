"""The example bot as its user runs it: signs in, answers once, and again the same after a crash."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from examples.kafka_bot import find_answer
from ops.guard import Guard
from services.chat.kafka.connection import MESSAGES, USERS, make_topics
from shared.wire import wire_time
from tests.engines import Broker
from tests.kafka.conftest import chat_settings
from tests.system.processes import Process
from tests.system.waiting import eventually

BOT, ANN = str(uuid4()), str(uuid4())


def said(
    content: str, sender: str = ANN, to: tuple[str, ...] = (ANN, BOT), kind: str = "message.sent"
) -> dict[str, Any]:
    message = {"conversation_id": str(uuid4()), "sender_id": sender, "content": content}
    event = {"id": str(uuid4()), "type": kind, "version": 1, "occurred_at": wire_time(0), "to": list(to)}
    return {**event, "data": {"message": message}}


def test_it_answers_a_ping_and_the_same_ping_the_same_way() -> None:
    event = said("!ping")
    answer = find_answer(event, BOT)
    assert answer is not None
    assert answer == find_answer(event, BOT)
    assert (answer["content"], answer["conversation_id"]) == ("pong", event["data"]["message"]["conversation_id"])


@pytest.mark.parametrize(
    "event",
    [said("hello"), said("!ping", sender=BOT), said("!ping", to=(ANN,)), said("!ping", kind="message.edited")],
    ids=["other words", "its own", "not a member", "an edit"],
)
def test_it_answers_nothing_else(event: dict[str, Any]) -> None:
    assert find_answer(event, BOT) is None


class Pulse(BaseHTTPRequestHandler):
    """Stands for auth and chat; the first token it gives is not valid for long."""

    sent: list[dict[str, Any]]
    signed_in: int

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = type(self)
        if self.path == "/auth/login":
            kind.signed_in += 1
            self._answer(200, {"user": {"id": BOT}, "access_token": f"token-{kind.signed_in}"})
        elif self.headers["Authorization"] == "Bearer token-1":
            self._answer(401, {"code": "not_authenticated"})
        else:
            kind.sent.append(body)
            self._answer(201, {})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def pulse() -> Iterator[tuple[type[Pulse], str]]:
    kind = type("Fresh", (Pulse,), {"sent": [], "signed_in": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_it_runs(
    broker: Broker, pulse: tuple[type[Pulse], str], engine_guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind, url = pulse
    make_topics(chat_settings(broker.bootstrap), (MESSAGES, USERS), 12, None)
    environment = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "PULSE_AUTH_URL": url,
        "PULSE_CHAT_URL": url,
        "PULSE_EMAIL": "bot@example.org",
        "PULSE_PASSWORD": "correct horse",
        "PULSE_BOT_GROUP": f"bot-{uuid4()}",
    }
    log_path = tmp_path_factory.mktemp("bot") / "log"
    command = [sys.executable, "examples/kafka_bot.py"]
    bot = Process("bot", command, environment, 1, log_path, engine_guard, lambda: True)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    bot.start()
    try:
        eventually(lambda: kind.signed_in, "signing in")

        def ping() -> bool:
            # Until its group has its partitions it hears nothing of what is said.
            event = said("!ping")
            producer.produce(MESSAGES, json.dumps(event), event["data"]["message"]["conversation_id"])
            producer.flush(10)
            return bool(kind.sent)

        eventually(ping, "an answer", within=40, pause=0.5)
    finally:
        bot.stop()
    assert kind.sent[0]["content"] == "pong"
    assert kind.signed_in == 2
    assert "Traceback" not in bot.log()
