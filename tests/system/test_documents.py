"""The OpenAPI documents the services serve; every call of this suite is held against them (contract.py)."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from openapi_spec_validator import validate

from tests.system.conftest import Room
from tests.system.stack import Stack

pytestmark = pytest.mark.system


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

    for wrong in ({}, [], {**response.json(), "kind": "other"}, {**response.json(), "id": "no id"}):
        response._content = json.dumps(wrong).encode()
        with pytest.raises(AssertionError):
            contract.check(response)


def test_a_request_id_travels_through_the_services(room: Room) -> None:
    def logged(process: str, request_id: str) -> list[str]:
        entries = getattr(room.stack, process).log_entries()
        return [entry["route"] for entry in entries if entry.get("request_id") == request_id and "route" in entry]

    asking, leaving = f"asking-{uuid4()}", f"leaving-{uuid4()}"
    asked = room.ann.chat.request("GET", "/presence", params={"ids": room.ben.id}, headers={"X-Request-Id": asking})
    left = room.ann.auth.request("POST", "/auth/logout", json={}, headers={"X-Request-Id": leaving})

    assert asked.headers["X-Request-Id"] == asking
    assert left.headers["X-Request-Id"] == leaving
    assert logged("chat", asking) == ["/presence"]
    assert logged("websocket", asking) == ["/online"]
    assert logged("auth", leaving) == ["/auth/logout"]
    assert logged("websocket", leaving) == ["/disconnect"]


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
    device.client.call("authenticate", {"token": room.ann.token}, timeout=10)

    secrets = [*stack.secrets, mail["token_hash"], mail["code"], session["access_token"], session["refresh_token"]]
    secrets += [room.ann.token, room.ann.refresh_token, room.ben.token, "secrets@example.org", "hello ben"]
    for process in stack.processes:
        log = process.log()
        assert [secret for secret in secrets if secret in log] == [], process.name
