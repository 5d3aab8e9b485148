"""Who may connect: tokens, cookies under the Origin rule, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from tests.websocket.clients import Client, RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import PAGES, Service, wait_until

Connect = Callable[..., Client]
Refusal = Callable[..., dict[str, Any]]
TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]
both = pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)


@both
def test_a_token_connects(connect: Connect, neighbours: Neighbours, ann: str, transports: list[str]) -> None:
    client = connect(neighbours.sign(ann), transports=transports)
    assert client.io.connected
    assert client.transport == transports[-1]


@both
def test_without_a_token_nobody_connects(refusal: Refusal, transports: list[str]) -> None:
    refused = refusal(None, transports=transports)
    assert refused["message"] == "unauthorized"
    assert refused["data"]["code"] == "unauthorized"


def test_an_expired_token_is_refused_and_the_reason_says_so(refusal: Refusal, neighbours: Neighbours, ann: str) -> None:
    refused = refusal(neighbours.sign(ann, seconds=-1))
    assert refused["message"] == "unauthorized"
    assert refused["data"]["reason"] == "token_expired"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "ü" * 500, "x" * 30_000, "\x00"])
def test_a_token_that_is_none_is_refused(refusal: Refusal, token: str) -> None:
    assert refusal(token)["data"]["code"] == "unauthorized"


def test_a_token_signed_by_someone_else_is_refused(refusal: Refusal, neighbours: Neighbours, ann: str) -> None:
    forged = neighbours.sign(ann, key=ec.generate_private_key(ec.SECP256R1()))
    assert refusal(forged)["data"]["code"] == "unauthorized"


@pytest.mark.parametrize("auth", ["", "{}", '{"token":7}', '{"token":null}', '{"token":{}}', '{"token":["a"]}'])
def test_an_auth_of_the_wrong_shape_is_refused(connect_raw: Callable[..., RawClient], auth: str) -> None:
    client = connect_raw()
    client.write("40" + auth)
    assert json.loads(client.read()[1].removeprefix(b"44"))["data"]["code"] == "unauthorized"


def test_a_revoked_session_is_refused(
    service: Service, connect: Connect, refusal: Refusal, neighbours: Neighbours, ann: str
) -> None:
    token, other = neighbours.sign(ann, session_id="gone"), neighbours.sign(ann)
    neighbours.revoke(session_id="gone")
    client = connect(other)
    wait_until(lambda: _is_refused(refusal, token), what="the revocation is read")
    assert client.io.connected


def _is_refused(refusal: Refusal, token: str) -> bool:
    try:
        return bool(refusal(token)["data"]["reason"] == "signed_out")
    except pytest.fail.Exception:
        return False


def test_the_cookie_connects_with_the_pages_origin(connect: Connect, neighbours: Neighbours, ann: str) -> None:
    headers = {"Cookie": f"pulse_access={neighbours.sign(ann)}", "Origin": PAGES}
    assert connect(transports=["polling"], headers=headers).io.connected


@pytest.mark.parametrize(("origin", "answer"), [(PAGES, b'40{"sid"'), (None, b"44"), ("own", b"44")])
def test_the_cookie_on_a_websocket_counts_only_with_the_pages_origin(
    service: Service,
    connect_raw: Callable[..., RawClient],
    neighbours: Neighbours,
    ann: str,
    origin: str | None,
    answer: bytes,
) -> None:
    headers = f"Cookie: pulse_access={neighbours.sign(ann)}\r\n"
    if origin is not None:
        headers += f"Origin: {service.url if origin == 'own' else origin}\r\n"
    client = connect_raw(headers=headers)
    client.write("40")
    assert client.read()[1].startswith(answer)


def test_the_cookie_without_an_origin_is_refused(refusal: Refusal, neighbours: Neighbours, ann: str) -> None:
    refused = refusal(transports=["polling"], headers={"Cookie": f"pulse_access={neighbours.sign(ann)}"})
    assert refused["data"] | {"code": "unauthorized", "reason": "origin_not_allowed"} == refused["data"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", PAGES + ".evil.example", PAGES.upper()])
def test_a_foreign_origin_is_refused_whoever_asks(
    service: Service, neighbours: Neighbours, ann: str, transport: str, origin: str
) -> None:
    answer = requests.get(
        f"{service.url}/socket.io/?EIO=4&transport={transport}",
        headers={"Origin": origin, "Cookie": f"pulse_access={neighbours.sign(ann)}"},
        timeout=10,
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "origin_not_allowed"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_pages_may_read_the_answers_and_may_send_cookies(service: Service) -> None:
    answer = requests.get(service.url + "/socket.io/?EIO=4&transport=polling", headers={"Origin": PAGES}, timeout=10)
    assert answer.headers["Access-Control-Allow-Origin"] == PAGES
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Set-Cookie" not in answer.headers


def test_jsonp_is_refused(service: Service) -> None:
    answer = requests.get(service.url + "/socket.io/?EIO=4&transport=polling&j=0", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"


def test_without_auth_the_door_says_unavailable_and_opens_once_it_is_back(
    make_service: Callable[..., Service], own_neighbours: Neighbours, connect: Connect, refusal: Refusal, ann: str
) -> None:
    own_neighbours.away = True
    service = make_service(own_neighbours)
    refused = refusal(own_neighbours.sign(ann), to=service)
    assert refused["message"] == refused["data"]["code"] == "unavailable"
    assert service.get("/readyz").status_code == 503
    own_neighbours.away = False
    wait_until(lambda: service.get("/readyz").status_code == 200, what="ready")
    assert connect(own_neighbours.sign(ann), to=service).io.connected


def test_deflate_is_not_agreed_to(connect_raw: Callable[..., RawClient]) -> None:
    assert b"Sec-WebSocket-Extensions" not in connect_raw().head


def test_a_transport_nobody_signs_in_on_is_closed(connect_raw: Callable[..., RawClient]) -> None:
    client = connect_raw()
    assert client.read_all()[-1:] in ([], [b""])


def test_a_refused_client_may_try_again_on_the_same_transport(
    connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str
) -> None:
    client = connect_raw()
    client.write("40")
    assert json.loads(client.read()[1][2:])["message"] == "unauthorized"
    client.write(f'40{{"token":"{neighbours.sign(ann)}"}}')
    assert client.read()[1].startswith(b'40{"sid"')


def test_connecting_twice_on_one_transport_counts_once(
    service: Service, connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str
) -> None:
    token = neighbours.sign(ann)
    client = connect_raw(token)
    client.write(f'40{{"token":"{token}"}}')
    assert client.read()[1].startswith(b"44")
    service.deliver([ann], ("resync", {}))
    assert client.read()[1] == b'42["resync",{}]'
    service.deliver([ann], ("user.changed", {"user": {}}))
    assert client.read()[1] == b'42["user.changed",{"user":{}}]'
