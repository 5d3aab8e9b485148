"""The gateway of docker-compose.yml, run here: deploy/gateway/Caddyfile with this machine's addresses in it."""

import base64
import hashlib
import json
import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import requests

from ops.places import ROOT
from ops.ports import find_free_port
from tests.ops.names import Names, serve_names

CADDYFILE = ROOT / "deploy" / "gateway" / "Caddyfile"
UPSTREAMS = {"auth": 5001, "chat": 5002, "websocket": 5003, "pages": 3000, "auth-server": 9999, "rest": 3000}
# Those that may run several times: their addresses are looked up again and again.
REPLICAS = ("auth", "chat", "websocket")
READY_SECONDS = 30


class Gateway(NamedTuple):
    public_url: str
    project_url: str
    log: Path


def find_caddy() -> str | None:
    """CADDY_BIN, or the one on PATH."""
    return os.environ.get("CADDY_BIN") or shutil.which("caddy")


def write_caddyfile(
    folder: Path,
    upstreams: Mapping[str, str],
    names: Names,
    project_port: int,
    health_port: int,
    patience: str = "5s",
) -> Path:
    text = CADDYFILE.read_text()
    for name, port in UPSTREAMS.items():
        host, _, here = upstreams[name].rpartition(":")
        old, new = f"reverse_proxy {name}:{port}", f"reverse_proxy {upstreams[name]}"
        if name in REPLICAS:
            old, new = f"dynamic a {name} {port}", f"dynamic a {name} {here}"
            names.addresses.setdefault(name, [host])
        assert old in text
        text = text.replace(old, new)
    assert "refresh 2s" in text
    text = text.replace("refresh 2s", f"refresh 100ms\n\t\tresolvers 127.0.0.1:{names.port}")
    assert "http://:8000" in text
    assert "http://127.0.0.1:8001" in text
    text = text.replace("http://:8000", f"http://:{project_port}").replace(":8001", f":{health_port}")
    assert "lb_try_duration 5s" in text
    text = text.replace("lb_try_duration 5s", f"lb_try_duration {patience}")
    path = folder / "Caddyfile"
    path.write_text(text)
    return path


@contextmanager
def run_gateway(
    caddy: str,
    folder: Path,
    upstreams: Mapping[str, str],
    keys: Mapping[str, str],
    port: int,
    project_port: int | None = None,
    patience: str = "5s",
    several: dict[str, list[str]] | None = None,
) -> Iterator[Gateway]:
    """`upstreams`: where each name of UPSTREAMS is reached; `keys`: the project's two; `patience`: with who is away;
    `several`: the addresses of those that run several times, at the port that `upstreams` has for them."""
    project_port, health_port = project_port or find_free_port(), find_free_port()
    with serve_names({} if several is None else several) as names:
        config = write_caddyfile(folder, upstreams, names, project_port, health_port, patience)
        yield from _run(caddy, folder, config, keys, port, project_port, health_port)


def _run(
    caddy: str, folder: Path, config: Path, keys: Mapping[str, str], port: int, project_port: int, health_port: int
) -> Iterator[Gateway]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PUBLIC_URL": f"http://localhost:{port}",
        "HTTP_PORT": str(port),
        **keys,
    }
    log = folder / "caddy.log"
    with log.open("wb") as output:
        words = [caddy, "run", "--config", str(config), "--adapter", "caddyfile"]
        server = subprocess.Popen(words, env=environment, stdout=output, stderr=output, cwd=folder)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"http://127.0.0.1:{health_port}/"):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Gateway(f"http://localhost:{port}", f"http://127.0.0.1:{project_port}", log)
    finally:
        server.terminate()
        server.wait(20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


class Mirror(BaseHTTPRequestHandler):
    """An upstream that answers what it was asked: its name, the path as it came, and the headers."""

    protocol_version = "HTTP/1.1"
    server: "MirrorServer"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._speak()
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"service": self.server.name, "node": self.server.host, "method": self.command}
        body = json.dumps({**told, "path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def _speak(self) -> None:
        """Takes the upgrade, and sends back every byte that comes."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accepted = hashlib.sha1(f"{self.headers['Sec-WebSocket-Key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accepted.digest()).decode())
        self.end_headers()
        self.close_connection = True
        self.server.sockets += 1
        while data := self.connection.recv(4096):
            self.connection.sendall(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what it expects."""


class MirrorServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.name, self.host = name, host
        self.sockets = 0
        """How many were opened."""
        super().__init__((host, port), Mirror)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would look its own name up

    @property
    def address(self) -> str:
        return f"{self.host}:{self.socket.getsockname()[1]}"


@contextmanager
def run_mirrors() -> Iterator[dict[str, str]]:
    """One for each name of UPSTREAMS; yields their addresses."""
    with serve_mirrors([MirrorServer(name) for name in UPSTREAMS]) as servers:
        yield {server.name: server.address for server in servers}


@contextmanager
def serve_mirrors(servers: list[MirrorServer]) -> Iterator[list[MirrorServer]]:
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield servers
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


def open_socket(port: int, query: str = "transport=websocket") -> socket.socket:
    """Through a gateway on this port to a mirror: upgraded, and heard from."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(
        f"GET /socket.io/?EIO=4&{query} HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert b" 101 " in head, head
    client.sendall(b"?")
    assert client.recv(1) == b"?"
    return client
