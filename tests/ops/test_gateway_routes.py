"""The gateway, for real: what the one public origin reaches, what it never does, and what it says of the caller."""

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ops.ports import find_free_port
from tests.ops.gateway import CADDYFILE, Gateway, find_caddy, run_gateway, run_mirrors

CADDY = find_caddy() or ""
pytestmark = pytest.mark.skipif(not CADDY, reason="caddy is not installed (CADDY_BIN names one)")

KEYS = {"SUPABASE_PUBLISHABLE_KEY": "head.anon.tail", "SUPABASE_SECRET_KEY": "head.service.tail"}
ROOM = "0190b5a8-0000-7000-8000-000000000001"
ROUTES = {
    "auth": [
        "/auth/login",
        "/auth/confirm?token_hash=abc&type=email",
        "/auth/session",
        "/auth/methods",
        "/auth/password",
        "/auth/password/reset",
        "/auth/google?redirect_to=x",
        "/auth/callback?code=x&state=y",
        "/auth/style.css",
        "/auth/v11",
        "/users",
        "/users?query=ben",
        f"/users/{ROOM}",
        "/.well-known/jwks.json",
    ],
    "chat": [
        "/chat/send",
        "/chat/history?limit=20",
        "/chat/changes",
        "/messages",
        f"/messages/{ROOM}",
        f"/messages/{ROOM}/reactions/%F0%9F%91%8D",
        "/conversations",
        f"/conversations/{ROOM}",
        f"/conversations/{ROOM}/members",
        f"/conversations/{ROOM}/members/{ROOM}",
        "/presence?ids=a",
        "/search?query=hello",
        "/attachments",
        f"/attachments/{ROOM}",
    ],
    "websocket": ["/socket.io/?EIO=4&transport=polling"],
    "pages": [
        "/",
        "/login",
        "/chat",
        f"/chat/{ROOM}",
        f"/chat/with/{ROOM}",
        "/chat/sending",
        "/assets/index-1.js",
        "/config.json",
        "/favicon.svg",
        "/usersettings",
        "/nothing",
    ],
}
INSIDE = [
    "/deliver",
    "/disconnect",
    "/online",
    "/revocations?after=0",
    "/internal/presence",
    "/metrics",
    "/readyz",
    "/dev/inbox",
    "/docs",
    "/docs/style.css",
    "/openapi.json",
    "/auth/mail-templates/magic_link.html",
    "/rest/v1/users",
    "/rest/v1/rpc/send_messages",
    "/auth/v1",
    "/auth/v1/otp",
    "/auth/v1/token?grant_type=password",
    "/auth/v1/signup",
    "/auth/v1/admin/users",
    "/auth/v1/user",
    "/auth/v1/health",
    "/auth/v1/settings",
    "/auth/v1/verify",
    "/auth/v1/verify?token=x&type=email",
    "/auth/v1/callback/more",
]
DISGUISES = [
    "/metrics/",
    "//metrics",
    "/Metrics",
    "/%6detrics",
    "/chat/../metrics",
    "/conversations/../internal/presence",
    "/conversations/..%2finternal%2fpresence",
    "/users/%2e%2e/revocations",
    "/auth/v1/callback/../admin/users",
    "/auth/v1/callback%2f..%2fadmin%2fusers",
    "/auth//v1/admin/users",
    "/AUTH/V1/admin/users",
    "/auth/./v1/token",
    "/socket.io/../deliver",
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with run_mirrors() as upstreams:
        folder = tmp_path_factory.mktemp("gateway")
        with run_gateway(CADDY, folder, upstreams, KEYS, find_free_port()) as running:
            yield running


def ask(url: str, path: str, method: str = "GET", host: str | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, JSON and headers; by http.client, which sends the path exactly as it is written."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or parts.netloc)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if method != "GET":
            connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body[:1] == b"{" else body, answer.headers
    finally:
        connection.close()


@pytest.mark.parametrize(("service", "path"), [(name, path) for name, paths in ROUTES.items() for path in paths])
def test_the_public_origin_leads_to_its_service(service: str, path: str, gateway: Gateway) -> None:
    status, body, _ = ask(gateway.public_url, path)
    assert (status, body["service"], body["path"]) == (200, service, path)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("auth", f"/users/{ROOM}"),
        ("auth", "/auth/password"),
        ("chat", f"/messages/{ROOM}"),
        ("chat", f"/conversations/{ROOM}"),
        ("chat", f"/conversations/{ROOM}/members/{ROOM}"),
    ],
)
def test_what_changes_things_arrives_by_its_own_method(service: str, path: str, method: str, gateway: Gateway) -> None:
    status, body, _ = ask(gateway.public_url, path, method)
    assert (status, body["service"], body["method"], body["path"]) == (200, service, method, path)


@pytest.mark.parametrize("path", INSIDE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_for_the_services_is_not_there_for_the_public(method: str, path: str, gateway: Gateway) -> None:
    status, body, headers = ask(gateway.public_url, path, method, apikey=KEYS["SUPABASE_SECRET_KEY"])
    assert (status, body) == (404, {"code": "not_found", "message": "There is nothing here."})
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", DISGUISES)
def test_no_disguise_of_a_path_reaches_what_is_inside(path: str, gateway: Gateway) -> None:
    """Refused here, or given as it is to the pages, which know no such path."""
    status, body, _ = ask(gateway.public_url, path)
    assert status == 404 or body["service"] == "pages"


@pytest.mark.parametrize("name", ["authorize", "callback"])
def test_of_the_project_only_what_browsers_are_sent_to_is_public(name: str, gateway: Gateway) -> None:
    status, body, _ = ask(gateway.public_url, f"/auth/v1/{name}?a=b")
    assert (status, body["service"], body["path"]) == (200, "auth-server", f"/{name}?a=b")
    assert ask(gateway.public_url, f"/auth/v1/{name}?a=b", "POST")[0] == 404


def test_the_gateway_answers_for_itself(gateway: Gateway) -> None:
    assert ask(gateway.public_url, "/healthz")[:2] == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/auth/login", "/chat/send", "/socket.io/", "/", "/auth/v1/callback"])
def test_nobody_says_who_the_caller_is_but_the_gateway(path: str, gateway: Gateway) -> None:
    spoofed = {
        "X_Forwarded_For": "203.0.113.9, 198.51.100.7",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "evil.example",
        "X_Real_IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "Sb_Forwarded_For": "203.0.113.9",
        "X_JWT_AUD": "other",
    }
    _, body, _ = ask(gateway.public_url, path, **spoofed)
    seen = body["headers"]
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")
    assert seen["x-forwarded-host"] == urlsplit(gateway.public_url).netloc
    assert not {"x-real-ip", "forwarded", "sb-forwarded-for", "x-jwt-aud"} & seen.keys()


def test_what_clients_send_arrives(gateway: Gateway) -> None:
    _, body, _ = ask(
        gateway.public_url, "/chat/send", "POST", Authorization="Bearer x", Origin="http://a", Cookie="b=c"
    )
    assert body["headers"]["authorization"] == "Bearer x"
    assert (body["headers"]["origin"], body["headers"]["cookie"]) == ("http://a", "b=c")


def test_whoever_comes_by_another_name_is_sent_home(gateway: Gateway) -> None:
    status, _, headers = ask(gateway.public_url, "/chat?a=b", host=f"127.0.0.1:{urlsplit(gateway.public_url).port}")
    assert (status, headers["Location"]) == (308, f"{gateway.public_url}/chat?a=b")


def test_answers_do_not_name_the_server(gateway: Gateway) -> None:
    for path in ("/", "/healthz", "/metrics"):
        assert "Caddy" not in (ask(gateway.public_url, path)[2]["Server"] or "")


def test_a_socket_is_upgraded_and_bytes_go_both_ways(gateway: Gateway) -> None:
    parts = urlsplit(gateway.public_url)
    with socket.create_connection(("127.0.0.1", parts.port or 80), timeout=20) as client:
        client.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        stream = client.makefile("rb")
        assert b" 101 " in stream.readline()
        while stream.readline().strip():
            pass
        client.sendall(b"hello, ben")
        assert stream.read(10) == b"hello, ben"


@pytest.mark.parametrize("key", KEYS.values())
def test_the_project_is_there_for_its_keys(key: str, gateway: Gateway) -> None:
    status, body, _ = ask(
        gateway.project_url, "/rest/v1/rpc/send_messages", "POST", apikey=key, Authorization="Bearer t"
    )
    assert (status, body["service"], body["path"]) == (200, "rest", "/rpc/send_messages")
    assert body["headers"]["authorization"] == "Bearer t"
    status, body, _ = ask(gateway.project_url, "/auth/v1/token?grant_type=password", "POST", apikey=key)
    assert (status, body["service"], body["path"]) == (200, "auth-server", "/token?grant_type=password")


@pytest.mark.parametrize("key", [None, "", "head.anon.tai", "head.*", "*", "other"])
@pytest.mark.parametrize("path", ["/rest/v1/users", "/auth/v1/otp", "/"])
def test_the_project_is_not_there_without_them(path: str, key: str | None, gateway: Gateway) -> None:
    headers = {} if key is None else {"apikey": key}
    assert ask(gateway.project_url, path, **headers)[0] == 401


def test_public_keys_are_given_to_anybody(gateway: Gateway) -> None:
    _, body, _ = ask(gateway.project_url, "/auth/v1/.well-known/jwks.json")
    assert (body["service"], body["path"]) == ("auth-server", "/.well-known/jwks.json")


def test_the_project_holds_nothing_else(gateway: Gateway) -> None:
    assert ask(gateway.project_url, "/storage/v1/object", apikey=KEYS["SUPABASE_SECRET_KEY"])[0] == 404


def test_our_auth_service_names_the_person_first(gateway: Gateway) -> None:
    """Supabase Auth counts by the first address."""
    key = KEYS["SUPABASE_PUBLISHABLE_KEY"]
    _, body, _ = ask(gateway.project_url, "/auth/v1/otp", "POST", apikey=key, X_Forwarded_For="203.0.113.9")
    assert body["headers"]["x-forwarded-for"].split(", ")[0] == "203.0.113.9"


def test_nobody_chooses_the_audience(gateway: Gateway) -> None:
    key = KEYS["SUPABASE_PUBLISHABLE_KEY"]
    _, body, _ = ask(gateway.project_url, "/auth/v1/otp", "POST", apikey=key, X_JWT_AUD="other")
    assert "x-jwt-aud" not in body["headers"]


def test_a_service_that_is_away_is_a_bad_gateway_and_its_address_is_in_no_log(tmp_path: Path) -> None:
    away = {
        name: f"127.0.0.1:{find_free_port()}" for name in ("auth", "chat", "websocket", "pages", "auth-server", "rest")
    }
    with run_gateway(CADDY, tmp_path, away, KEYS, find_free_port(), patience="300ms") as gateway:
        status, _, _ = ask(gateway.public_url, "/auth/confirm?token_hash=s3cret", Authorization="Bearer s3cret")
        assert status == 502
    log = gateway.log.read_text()
    assert "/auth/confirm" in log
    assert "s3cret" not in log


def adapt(public_url: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PUBLIC_URL": public_url, **KEYS}
    words = [CADDY, "adapt", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    found: dict[str, Any] = json.loads(subprocess.run(words, env=environment, capture_output=True, check=True).stdout)
    return found


def test_a_real_name_is_served_by_https_and_http_leads_there() -> None:
    servers = adapt("https://chat.example.org")["apps"]["http"]["servers"].values()
    by_port = {tuple(server["listen"]): server for server in servers}
    assert by_port[(":443",)]["routes"][0]["match"] == [{"host": ["chat.example.org"]}]
    assert "disable" not in by_port[(":443",)].get("automatic_https", {})
    assert json.dumps(by_port[(":80",)]).count("https://chat.example.org{http.request.uri}") == 1


def test_the_file_is_formatted(tmp_path: Path) -> None:
    copy = tmp_path / "Caddyfile"
    shutil.copy(CADDYFILE, copy)
    subprocess.run([CADDY, "fmt", "--overwrite", str(copy)], check=True, capture_output=True)
    assert copy.read_text() == CADDYFILE.read_text()
