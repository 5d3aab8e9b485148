"""The OpenAPI documents the services serve; every call of this suite is held against them (contract.py)."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from openapi_spec_validator import validate

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.http import Http
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]


@pytest.mark.parametrize("service", ["auth", "chat", "websocket"])
def test_the_document_is_valid_openapi(stack: Stack, service: str) -> None:
    document = stack.contract(service).document

    validate(document)
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations)


def test_an_answer_of_another_shape_is_noticed(room: Room) -> None:
    contract = room.stack.contract("chat")
    response = room.ann.chat.request("GET", f"/conversations/{room.id}")
    contract.check(response)

    right = response.json()
    wrongs: list[Any] = [{}, [], {**right, "kind": "other"}, {**right, "id": "no id"}]
    for wrong in wrongs:
        response._content = json.dumps(wrong).encode()
        with pytest.raises(AssertionError):
            contract.check(response)


def test_a_request_id_travels_through_the_services(room: Room) -> None:
    def logged(process: str, request_id: str) -> list[str]:
        """The routes whose log lines name the id, as their own or as what caused them."""
        return [
            entry["route"]
            for entry in getattr(room.stack, process).log_entries()
            if "route" in entry and request_id in (entry.get("request_id"), *entry.get("request_ids", ()))
        ]

    def call(http: Http, method: str, path: str, **arguments: Any) -> str:
        request_id = f"test-{uuid4()}"
        answer = http.request(method, path, headers={"X-Request-Id": request_id}, **arguments)
        assert answer.headers["X-Request-Id"] == request_id
        return request_id

    sending = call(room.ann.chat, "POST", "/chat/send", json={"conversation_id": room.id, "content": "hello"})
    asking = call(room.ann.chat, "GET", "/presence", params={"ids": room.ben.id})
    leaving = call(room.ann.auth, "POST", "/auth/logout", json={})

    assert logged("chat", sending) == ["/chat/send"]
    assert logged("chat", asking) == ["/presence"]
    assert logged("auth", leaving) == ["/auth/logout"]
    for request_id, route in ((sending, "/deliver"), (asking, "/online"), (leaving, "/disconnect")):
        eventually(lambda i=request_id, r=route: logged("websocket", i) == [r], f"{route} in the log")  # type: ignore[misc]


@pytest.mark.parametrize("service", ["auth", "chat", "websocket"])
def test_a_request_id_that_is_none_is_replaced(stack: Stack, service: str) -> None:
    http = stack.http(service)

    for wrong in ("", "x" * 129, "two words", "caf\xe9"):
        answer = http.request("GET", "/healthz", headers={"X-Request-Id": wrong.encode("latin-1")})
        assert answer.headers["X-Request-Id"] not in ("", wrong)
    assert http.request("GET", "/healthz", headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"


def test_nothing_secret_is_in_any_log(room: Room) -> None:
    stack = room.stack
    mail = stack.mail_link("secrets@example.org")
    session = stack.confirm(mail["token_hash"])
    device = room.ann.connect("polling")
    room.ann.refresh()
    device.client.call("authenticate", {"token": room.ann.token}, timeout=30)

    secrets = [*stack.secrets, mail["token_hash"], mail["code"], session["access_token"], session["refresh_token"]]
    secrets += [room.ann.token, room.ann.refresh_token, room.ben.token, "secrets@example.org", "hello ben"]
    for process in stack.processes:
        log = process.log()
        assert [secret for secret in secrets if secret in log] == [], process.name
