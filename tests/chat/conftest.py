"""Chat as a Flask app on a real Postgres; auth and the websocket service are other people's HTTP here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient
from requests import PreparedRequest
from werkzeug.test import TestResponse

from services.chat.app import create_app
from services.chat.settings import ChatSettings
from services.chat.state import Chat
from shared.postgres_database import PostgresDatabase
from tests.people import Known, add_person
from tests.signing import Signer

SERVICE_TOKEN = "a-service-token-of-thirty-two-characters"


@dataclass
class Websocket:
    """Stands for the websocket service: what it was asked to deliver, and how it answers."""

    delivered: list[dict[str, Any]] = field(default_factory=list)
    status: int = 202
    most: int = 1_000
    online: list[str] = field(default_factory=list)
    online_status: int = 200
    refused_event: str | None = None

    def deliver(self, request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert request.headers["Authorization"] == f"Bearer {SERVICE_TOKEN}"
        deliveries = json.loads(request.body or b"{}")["deliveries"]
        if len(deliveries) > self.most:
            return 503, {}, "{}"
        if self.status != 202:
            return self.status, {}, json.dumps({"code": "unavailable", "message": "down"})
        if any(e["event"] == self.refused_event for d in deliveries for e in d["events"]):
            return 422, {}, json.dumps({"code": "malformed", "message": "no"})
        self.delivered += deliveries
        return 202, {}, json.dumps({"accepted": len(deliveries)})

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event["event"], event["data"]) for one in self.delivered for event in one["events"]]


@dataclass
class ChatApp:
    client: FlaskClient
    state: Chat
    signer: Signer
    websocket: Websocket
    ann: Known
    ben: Known
    cho: Known

    def call(self, who: Known | None, method: str, path: str, **arguments: Any) -> TestResponse:
        headers = dict(arguments.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.signer.token(who.id)}"
        return self.client.open(path, method=method, headers=headers, **arguments)

    def send(self, who: Known, **body: Any) -> TestResponse:
        return self.call(who, "POST", "/chat/send", json=body)

    def drain(self) -> None:
        """Delivers what waits for the pusher's thread, which these tests do not start."""
        waiting = list(self.state.pusher._waiting)
        self.state.pusher._waiting.clear()
        if waiting:
            self.state.pusher.deliver(waiting)


@pytest.fixture
def app(database_url: str) -> Iterator[ChatApp]:
    with running_app(database_url) as app:
        yield app


@contextmanager
def running_app(database_url: str, **changed: str) -> Iterator[ChatApp]:
    """``changed``: settings beyond the necessary ones."""
    signer, websocket = Signer(), Websocket()
    settings = ChatSettings.read(
        {"DATABASE_URL": database_url, "SERVICE_TOKEN": SERVICE_TOKEN, "PUBLIC_URL": "http://localhost:3000", **changed}
    )
    flask_app = create_app(settings)
    flask_app.config["CHECK_ANSWERS"] = True
    state: Chat = flask_app.extensions["pulse.chat"]
    assert isinstance(state.database, PostgresDatabase)
    people = [add_person(state.database, name) for name in ("Ann", "Ben", "Cho")]
    with responses.RequestsMock(assert_all_requests_are_fired=False) as other:
        other.get("http://127.0.0.1:5001/.well-known/jwks.json", json={"keys": [signer.jwk]})
        other.add_callback("POST", "http://127.0.0.1:5003/deliver", websocket.deliver)
        other.add_callback(
            "GET",
            "http://127.0.0.1:5003/online",
            lambda _: (websocket.online_status, {}, json.dumps({"online": websocket.online})),
        )
        other.get("http://127.0.0.1:5003/healthz", json={"status": "alive"})
        yield ChatApp(flask_app.test_client(), state, signer, websocket, *people)
    state.database.close()
