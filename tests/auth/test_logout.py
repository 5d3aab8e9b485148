"""Signing out: here at once, everywhere within a second or two, with the refresh cookie alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from tests.auth.conftest import PAGES, SERVICE_TOKEN, MakeApp, parts_of
from tests.auth.visitor import Visitor


class Websocket(ThreadingHTTPServer):
    """Stands for the websocket service: keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None, Any]] = []
        super().__init__(("127.0.0.1", 0), _Listener)


class _Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Websocket)
        self.server.told.append((self.path, self.headers["Authorization"], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def websocket() -> Iterator[Websocket]:
    server = Websocket()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def session_of(visitor: Visitor) -> str:
    return str(jwt.decode(visitor.access_token, options={"verify_signature": False})["session_id"])


def revocations(visitor: Visitor, after: int = 0) -> Any:
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    return visitor.call("GET", "/revocations", query_string={"after": after}, headers=headers).get_json()


def test_signing_out_ends_this_session_and_no_other(ann: Visitor) -> None:
    phone = Visitor(ann.app, ann.email).sign_in()
    ann.sign_in()
    assert ann.call("POST", "/auth/logout", json={"scope": "local"}).status_code == 204
    assert ann.call("GET", "/auth/session").status_code == 401
    assert ann.call("GET", "/users").status_code == 401
    assert ann.refresh().status_code == 401
    assert phone.call("GET", "/auth/session").status_code == 200
    assert [row["session_id"] for row in revocations(ann)["revocations"]] == [session_of(ann)]


def test_signing_out_everywhere_ends_all_and_a_new_sign_in_works(ann: Visitor, ben: Visitor) -> None:
    phone = Visitor(ann.app, ann.email).sign_in()
    ann.sign_in()
    ben.sign_in()
    assert ann.call("POST", "/auth/logout", json={"scope": "global"}).status_code == 204
    for device in (ann, phone):
        assert device.call("GET", "/auth/session").status_code == 401
        assert device.refresh().status_code == 401
    assert ben.call("GET", "/auth/session").status_code == 200
    assert ann.user["id"] in [row["user_id"] for row in revocations(ann)["revocations"]]
    assert Visitor(ann.app, ann.email).sign_in().call("GET", "/auth/session").status_code == 200


def test_an_ended_sessions_refresh_cookie_signs_nobody_out_elsewhere(ann: Visitor) -> None:
    ann.sign_in()
    ended = ann.refresh_token
    ann.call("POST", "/auth/logout", json={"scope": "local"})
    phone = Visitor(ann.app, ann.email).sign_in()
    client = ann.app.test_client()
    client.set_cookie("pulse_refresh", ended, path="/auth")
    assert client.post("/auth/logout", json={"scope": "global"}, headers={"Origin": PAGES}).status_code == 204
    assert phone.call("GET", "/auth/session").status_code == 200


def test_the_websocket_service_is_told_which_session_ended(make_app: MakeApp, websocket: Websocket) -> None:
    app = make_app(WEBSOCKET_URL=f"http://127.0.0.1:{websocket.server_port}")
    here, there = (Visitor(app, "ann@example.org").sign_in() for _ in range(2))
    here.call("POST", "/auth/logout", json={})
    there.call("POST", "/auth/logout", json={"scope": "global"})
    parts_of(app).notices.close()
    assert websocket.told == [
        ("/disconnect", f"Bearer {SERVICE_TOKEN}", {"session_id": session_of(here)}),
        ("/disconnect", f"Bearer {SERVICE_TOKEN}", {"user_id": there.user["id"]}),
    ]


def post_with_cookie(visitor: Visitor, path: str, cookie: str, origin: str | None = PAGES) -> TestResponse:
    client = visitor.app.test_client()
    name, value = cookie.split("=", 1)
    client.set_cookie(name, value, path="/auth" if name == "pulse_refresh" else "/")
    return client.post(path, json={}, headers={"Origin": origin} if origin else {})


def test_the_refresh_cookie_alone_signs_out_and_cookies_are_taken_back(ann: Visitor) -> None:
    ann.sign_in()
    answer = post_with_cookie(ann, "/auth/logout", f"pulse_refresh={ann.refresh_token}")
    assert answer.status_code == 204
    taken = answer.headers.getlist("Set-Cookie")
    assert sorted(cookie.split("=")[0] for cookie in taken) == ["pulse_access", "pulse_refresh"]
    assert all("Max-Age=0" in cookie for cookie in taken)
    assert ann.call("GET", "/auth/session").status_code == 401


def test_behind_basic_authentication_of_a_proxy_cookies_sign_out(ann: Visitor) -> None:
    for cookie in ("pulse_refresh", "pulse_access"):
        ann.access_token = ""
        ann.sign_in()
        client = ann.app.test_client()
        if cookie == "pulse_refresh":
            client.set_cookie(cookie, ann.refresh_token, path="/auth")
        else:
            client.set_cookie(cookie, ann.access_token, path="/")
        headers = {"Origin": PAGES, "Authorization": "Basic cHVsc2U6cHVsc2U="}
        assert client.post("/auth/logout", json={}, headers=headers).status_code == 204
        assert ann.call("GET", "/auth/session").status_code == 401
        assert ann.refresh().status_code == 401


def test_the_access_cookie_signs_out_too_and_a_dead_refresh_cookie_is_no_error(ann: Visitor) -> None:
    ann.sign_in()
    assert post_with_cookie(ann, "/auth/logout", f"pulse_access={ann.access_token}").status_code == 204
    assert post_with_cookie(ann, "/auth/logout", f"pulse_refresh={ann.refresh_token}").status_code == 204
    assert post_with_cookie(ann, "/auth/logout", "pulse_refresh=made-up").status_code == 204


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost:3001"])
def test_cookies_from_elsewhere_sign_nobody_out(newcomer: Visitor, origin: str | None) -> None:
    newcomer.sign_in()
    for cookie in (f"pulse_refresh={newcomer.refresh_token}", f"pulse_access={newcomer.access_token}"):
        answer = post_with_cookie(newcomer, "/auth/logout", cookie, origin)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "origin_not_allowed")
    assert newcomer.call("GET", "/auth/session").status_code == 200


def test_signing_out_without_being_signed_in_is_401(newcomer: Visitor) -> None:
    assert newcomer.call("POST", "/auth/logout", json={}).status_code == 401
    assert newcomer.call("POST", "/auth/logout", json={}, headers={"Authorization": "Bearer x"}).status_code == 401
    assert newcomer.call("POST", "/auth/logout", json={"scope": "everything"}).status_code == 422


def test_revocations_are_read_on_from_a_position_and_only_by_services(ann: Visitor) -> None:
    for _ in range(2):
        Visitor(ann.app, ann.email).sign_in().call("POST", "/auth/logout", json={})
    page = revocations(ann)
    assert len(page["revocations"]) == 2
    assert revocations(ann, page["position"]) == {"revocations": [], "position": page["position"]}
    ann.sign_in()
    assert ann.call("GET", "/revocations").status_code == 401
    assert ann.call("GET", "/revocations", headers={"Authorization": "Bearer"}).status_code == 401


def test_a_token_issued_before_a_sign_out_never_outlives_it(ann: Visitor) -> None:
    """A refresh and a sign-out at the same moment: whichever is first, no token works afterwards."""
    for _ in range(5):
        ann.sign_in()
        with ThreadPoolExecutor(2) as pool:
            refreshing = pool.submit(ann.refresh, ann.refresh_token)
            pool.submit(ann.call, "POST", "/auth/logout", json={})
        refreshed = refreshing.result()
        for token in [
            ann.access_token,
            *([refreshed.get_json()["access_token"]] if refreshed.status_code == 200 else []),
        ]:
            assert ann.call("GET", "/auth/session", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        ann.access_token = ""
