"""The gateway of a stand-in project: which key means what, and the faults it brings."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import jwt
import pytest
from werkzeug.wrappers import Request, Response

from tests.standins.gateway import Gateway, Proxy
from tests.standins.keys import KeyStyle, ProjectKeys
from tests.standins.server import serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REST = "/rest/v1/rpc/anything"
# No connection is kept from one test for the next.
BROWSER = httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


class Upstream:
    """Answers with what reached it."""

    def __init__(self) -> None:
        self.ran = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.ran += 1
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/authorize":
            return Response(status=302, headers={"Location": "https://accounts.example.org/"})
        seen = {
            "path": request.full_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": request.get_data(as_text=True),
        }
        return Response(json.dumps(seen), content_type="application/json")


class Origin:
    def __init__(self, style: KeyStyle) -> None:
        self.keys = ProjectKeys(style)
        self.upstream = Upstream()
        self.gateway = Gateway(self.keys, {"/rest/v1": self.upstream, "/auth/v1": self.upstream})
        self.url = ""

    def ask(self, path: str = REST, key: str | None = None, timeout: float = 10, **headers: str) -> httpx.Response:
        given = {"apikey": key, **headers} if key else headers
        return BROWSER.post(self.url + path, headers=given, content=b"{}", timeout=timeout)

    def authorization(self, key: str, **headers: str) -> Any:
        return self.ask(REST, key, 10, **headers).json()["headers"].get("authorization")


def running(style: KeyStyle) -> Iterator[Origin]:
    origin = Origin(style)
    with serve(origin.gateway) as origin.url:
        yield origin
        origin.gateway.faults.release()


@pytest.fixture
def origin() -> Iterator[Origin]:
    yield from running("sb")


@pytest.fixture
def legacy() -> Iterator[Origin]:
    yield from running("jwt")


def test_a_request_needs_a_key_of_the_project(origin: Origin) -> None:
    assert origin.ask().status_code == 401
    for wrong in ("nonsense", ProjectKeys().secret_key, origin.keys.role_token("service_role")):
        assert (origin.ask(key=wrong).status_code, origin.upstream.ran) == (401, 0)
    for right in (origin.keys.publishable_key, origin.keys.secret_key):
        assert origin.ask(key=right).status_code == 200


@pytest.mark.parametrize("path", ["verify", "callback", "authorize", ".well-known/jwks.json"])
def test_browsers_reach_what_they_are_sent_to_without_a_key(origin: Origin, path: str) -> None:
    assert origin.ask(f"/auth/v1/{path}?a=b").status_code in (200, 302)
    for closed in (f"/auth/v1/{path}x", f"/auth/v1/admin/{path}", f"/rest/v1/{path}"):
        assert origin.ask(closed).status_code == 401


def test_an_opaque_key_becomes_its_roles_token(origin: Origin) -> None:
    for key, role in ((origin.keys.publishable_key, "anon"), (origin.keys.secret_key, "service_role")):
        for headers in ({}, {"Authorization": f"Bearer {key}"}):
            scheme, _, token = origin.authorization(key, **headers).partition(" ")
            claims = jwt.decode(token, origin.keys.jwt_secret, algorithms=["HS256"])
            assert (scheme, claims["role"], "sub" in claims) == ("Bearer", role, False)


def test_a_persons_own_token_passes(origin: Origin, legacy: Origin) -> None:
    for one in (origin, legacy):
        own = f"Bearer {one.keys.user_token(uuid4())}"
        assert one.authorization(one.keys.publishable_key, Authorization=own) == own


def test_a_legacy_key_passes_as_it_is(legacy: Origin) -> None:
    for key, role in ((legacy.keys.publishable_key, "anon"), (legacy.keys.secret_key, "service_role")):
        assert jwt.decode(key, legacy.keys.jwt_secret, algorithms=["HS256"])["role"] == role
        assert legacy.authorization(key, Authorization=f"Bearer {key}") == f"Bearer {key}"
        assert legacy.authorization(key) is None


def test_a_request_is_passed_on_whole_without_the_prefix(origin: Origin) -> None:
    headers = {"apikey": origin.keys.secret_key, "X-Jwt-Aud": "else", "X-Odd": "a, b"}
    answer = BROWSER.post(f"{origin.url}/rest/v1/a%20b?c=d", headers=headers, content=b'{"e": 1}')
    seen = answer.json()
    assert (seen["path"], seen["body"]) == ("/a b?c=d", '{"e": 1}')
    assert "x-jwt-aud" not in seen["headers"]
    assert seen["headers"]["x-odd"] == headers["X-Odd"]
    assert origin.ask("/storage/v1/x", key=origin.keys.secret_key).status_code == 404


def test_what_came_is_recorded(origin: Origin) -> None:
    origin.ask(f"{REST}?a=b", key="nonsense", Cookie="c=d")
    [seen] = origin.gateway.requests
    assert (seen.method, seen.path, seen.query, seen.body) == ("POST", REST, "a=b", b"{}")
    assert (seen.headers["apikey"], seen.headers["cookie"]) == ("nonsense", "c=d")


def test_connections_are_kept(origin: Origin) -> None:
    connection = HTTPConnection(urlsplit(origin.url).netloc, timeout=30)
    ports = set()
    for _ in range(3):
        connection.request("POST", REST, body=b"{}", headers={"apikey": origin.keys.secret_key})
        answer = connection.getresponse()
        answer.read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert (answer.version, len(ports)) == (11, 1)


@pytest.mark.parametrize(("kind", "ran"), [("bad gateway before", 0), ("bad gateway after", 1)])
def test_a_bad_gateway_is_a_page_whether_or_not_the_upstream_ran(origin: Origin, kind: Any, ran: int) -> None:
    key = origin.keys.secret_key
    with origin.gateway.faults.inject(kind, "/rest/v1/rpc/any") as fault:
        assert origin.ask("/rest/v1/else", key=key).status_code == 200
        answer = origin.ask(key=key)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        assert (origin.upstream.ran - 1, fault.met) == (ran, 1)
        assert origin.ask(key=key).status_code == 200  # once was asked for


@pytest.mark.parametrize(("kind", "ran"), [("hang up before", 0), ("hang up after", 1)])
def test_a_hang_up_ends_the_connection_without_an_answer(origin: Origin, kind: Any, ran: int) -> None:
    with origin.gateway.faults.inject(kind, times=2):
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                origin.ask(key=origin.keys.secret_key)
    assert origin.upstream.ran == 2 * ran
    assert origin.ask(key=origin.keys.secret_key).status_code == 200


@pytest.mark.parametrize(("kind", "ran"), [("hang before", 0), ("hang after", 1)])
def test_a_hang_lasts_until_it_is_let_go(origin: Origin, kind: Any, ran: int) -> None:
    ended = threading.Event()

    def ask() -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            origin.ask(key=origin.keys.secret_key, timeout=30)
        ended.set()

    with origin.gateway.faults.inject(kind) as fault:
        asking = threading.Thread(target=ask)
        asking.start()
        deadline = time.monotonic() + 30
        while (fault.met, origin.upstream.ran) != (1, ran) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not ended.is_set()
    assert ended.wait(30)
    asking.join()
    assert origin.upstream.ran == ran


def test_a_client_gives_up_on_what_hangs(origin: Origin) -> None:
    with origin.gateway.faults.inject("hang before"), pytest.raises(httpx.ReadTimeout):
        origin.ask(key=origin.keys.secret_key, timeout=0.2)


def test_too_many_requests_say_when_to_come_back(origin: Origin) -> None:
    with origin.gateway.faults.inject("too many requests", seconds=7):
        answer = origin.ask(key=origin.keys.secret_key)
    assert (answer.status_code, answer.headers["Retry-After"], origin.upstream.ran) == (429, "7", 0)


def test_a_delay_is_only_slow(origin: Origin) -> None:
    began = time.monotonic()
    with origin.gateway.faults.inject("delay", seconds=0.3):
        assert origin.ask(key=origin.keys.secret_key).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_server_of_its_own_may_stand_behind_it(origin: Origin) -> None:
    other = Upstream()
    with serve(other) as url:
        origin.gateway.mount("/auth/v1", Proxy(url))
        asked = origin.ask("/auth/v1/token?grant_type=password", key=origin.keys.publishable_key).json()
        assert (asked["path"], asked["body"], other.ran) == ("/token?grant_type=password", "{}", 1)
        assert asked["headers"]["x-forwarded-for"] == "127.0.0.1"
        sent_on = origin.ask("/auth/v1/authorize?provider=google")
        assert (sent_on.status_code, sent_on.headers["Location"]) == (302, "https://accounts.example.org/")
    away = origin.ask("/auth/v1/authorize")
    assert (away.status_code, away.headers["Content-Type"]) == (502, "text/html")
