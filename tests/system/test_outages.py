"""The database goes away and comes back: errors of the contract meanwhile, and no restart of anything afterwards."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from ops.guard import Guard
from ops.migrate import APP_ROLE, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster
from tests.conftest import APP_PASSWORD, QUICK, Database
from tests.system.processes import Process
from tests.system.stack import Stack, new_email, running_stack
from tests.system.stacks import USUAL_MODES
from tests.system.waiting import eventually

pytestmark = pytest.mark.system

NAME = "pulse"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    cluster = Cluster(tmp_path / "postgres", find_free_port(), secrets.token_urlsafe(16), QUICK)
    cluster.prepare()
    return cluster


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Process]:
    """A PostgreSQL of the test's own that it may stop."""
    guard = Guard()
    server = Process("postgres", cluster.command(), {}, cluster.port, cluster.folder / "log", guard, cluster.is_ready)
    try:
        server.start()
        server.wait_until_ready()
        yield server
    finally:
        server.stop(signal.SIGINT)
        guard.close()


@pytest.fixture(params=USUAL_MODES)
def own_stack(request: pytest.FixtureRequest, server: Process, cluster: Cluster, tmp_path: Path) -> Iterator[Stack]:
    cluster.create_database(NAME)
    migrate(cluster.url(NAME), APP_PASSWORD)
    database = Database(cluster.url(NAME, APP_ROLE, APP_PASSWORD), cluster.url(NAME))
    with running_stack(tmp_path / "stack", database, request.param) as stack:
        yield stack


def test_a_database_outage_is_answered_and_gets_over(own_stack: Stack, server: Process) -> None:
    ann, ben = own_stack.sign_in("ann"), own_stack.sign_in("ben")
    device = ben.connect()
    first = ann.send("before", to=ben.id)
    device.wait_for_message(first)

    server.stop(signal.SIGINT)
    message_id = str(uuid4())
    login, auth, chat = own_stack.http("auth"), own_stack.http("auth"), own_stack.http("chat")
    calls: list[Callable[[], requests.Response]] = [
        lambda: ann.try_to_send("during", conversation_id=first["conversation_id"], id=message_id),
        lambda: ann.chat.request("GET", "/conversations"),
        lambda: ann.auth.request("GET", "/auth/session"),
        lambda: ann.auth.request("POST", "/auth/refresh", json={"refresh_token": ann.refresh_token}),
        lambda: login.request("POST", "/auth/login", json={"email": new_email("dan")}),
        lambda: auth.request("GET", "/readyz"),
        lambda: chat.request("GET", "/readyz"),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(lambda call: call(), calls))
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert answer.elapsed.total_seconds() < 30
        assert {"code", "message"} <= answer.json().keys()
        assert "postgresql" not in answer.text
    for refused in answers[:-2]:
        assert int(refused.headers["Retry-After"]) > 0
    for readiness in answers[-2:]:
        assert "database" in readiness.json()["message"]
    assert auth.get("/healthz") == chat.get("/healthz") == {"status": "alive"}
    assert device.client.connected

    server.start()
    server.wait_until_ready()
    eventually(lambda: ann.chat.request("GET", "/conversations").status_code == 200, "chat being back")
    again = ann.send("during", conversation_id=first["conversation_id"], id=message_id)
    device.wait_for_message(again)
    where = f"/chat/history?conversation_id={first['conversation_id']}"
    page: Any = eventually(
        lambda: (asked := ben.chat.request("GET", where)).ok and asked.json(), "all of chat being back"
    )
    assert page["messages"] == [first, again]
    eventually(lambda: ann.auth.request("GET", "/auth/session").status_code == 200, "auth being back")
    own_stack.sign_in("cho").send("I am new", to=ann.id)
