"""Calls between services, with the other side played by `responses`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from shared.errors import Unavailable
from shared.service_client import ServiceClient, ServiceRefused, fetch_jwks

AUTH = "http://127.0.0.1:5001"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connections_are_kept_for_as_many_threads_as_call(scheme: str) -> None:
    adapter: Any = ServiceClient(AUTH, "token")._session.get_adapter(f"{scheme}://127.0.0.1")
    assert adapter._pool_maxsize == 32


@pytest.mark.parametrize(
    ("status", "body"), [(404, {"code": "not_found"}), (503, {}), (200, {}), (200, {"keys": None})]
)
def test_whoever_has_no_keys_to_give_is_unavailable(status: int, body: dict[str, Any]) -> None:
    with responses.RequestsMock() as other:
        other.get(f"{AUTH}/.well-known/jwks.json", status=status, json=body)
        with pytest.raises(Unavailable):
            fetch_jwks(ServiceClient(AUTH, "token"))


@pytest.mark.parametrize("status", [200, 400])
def test_whoever_answers_something_else_than_an_object_is_unavailable(status: int) -> None:
    with responses.RequestsMock() as other:
        other.post(f"{AUTH}/deliver", status=status, json=["somebody else"])
        with pytest.raises(Unavailable):
            ServiceClient(AUTH, "token").post("/deliver", {})


def test_a_refusal_is_told_with_its_code() -> None:
    with responses.RequestsMock() as other:
        other.post(f"{AUTH}/deliver", status=400, json={"code": "bad_json"})
        with pytest.raises(ServiceRefused, match="400 bad_json"):
            ServiceClient(AUTH, "token").post("/deliver", {})


def test_two_hundred_of_the_longest_messages_fit_into_one_delivery() -> None:
    body = {"deliveries": [{"content": "🌊" * 8_000}] * 200}
    with responses.RequestsMock() as other:
        other.post(f"{AUTH}/deliver", status=202, json={"accepted": 200})
        ServiceClient(AUTH, "token").post("/deliver", body)
        sent = other.calls[0].request
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body or b"") == body
    assert len(sent.body or b"") < 8 * 1024 * 1024


@pytest.mark.parametrize("status", [301, 304, 308])
def test_a_redirect_has_done_nothing_though_it_says_nothing_wrong(status: int) -> None:
    with responses.RequestsMock() as other:
        other.post(f"{AUTH}/deliver", status=status, headers={"Location": "https://127.0.0.1:5001/deliver"})
        other.get(f"{AUTH}/healthz", status=status)
        client = ServiceClient(AUTH, "token")
        with pytest.raises(Unavailable):
            client.post("/deliver", {})
        with pytest.raises(Unavailable):
            client.check_alive()


def test_an_empty_answer_that_is_none_of_these_is_an_empty_object() -> None:
    with responses.RequestsMock() as other:
        other.post(f"{AUTH}/deliver", status=204)
        assert ServiceClient(AUTH, "token").post("/deliver", {}) == {}
