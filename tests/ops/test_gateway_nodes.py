"""The gateway before several nodes: sockets go to the least busy, polling stays with one, dead ones are passed by."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from ops.ports import find_free_port
from tests.ops.gateway import Gateway, MirrorServer, find_caddy, open_socket, run_gateway, run_mirrors, serve_mirrors
from tests.system.waiting import eventually

CADDY = find_caddy() or ""
# The stack's own is 2.11; before 2.7 Caddy forgets which of looked-up addresses did not answer.
VERSION = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True).stdout if CADDY else ""
pytestmark = pytest.mark.skipif(
    not CADDY or VERSION.lstrip("v").startswith("2.6."),
    reason="needs caddy 2.7 or later (CADDY_BIN names one)",
)

KEYS = {"SUPABASE_PUBLISHABLE_KEY": "head.anon.tail", "SUPABASE_SECRET_KEY": "head.service.tail"}
NODES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
POLLING = "/socket.io/?EIO=4&transport=polling"


class Several:
    def __init__(self, gateway: Gateway, sockets: list[MirrorServer], addresses: dict[str, list[str]]) -> None:
        self.port = urlsplit(gateway.public_url).port or 80
        self.sockets = sockets
        self.addresses = addresses

    def ask(self, path: str, method: str = "GET") -> str:
        """The address of the node it came to; the status, when none answered."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            return str(json.loads(body)["node"]) if answer.status == 200 else str(answer.status)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """Three nodes of websocket, of chat and of auth, behind one name each."""
    groups = {
        name: [MirrorServer(name, host, port) for host in NODES]
        for name, port in ((name, find_free_port()) for name in ("websocket", "chat", "auth"))
    }
    addresses = {name: list(NODES) for name in groups}
    with run_mirrors() as upstreams, serve_mirrors([server for group in groups.values() for server in group]):
        places = upstreams | {name: group[0].address for name, group in groups.items()}
        folder = tmp_path_factory.mktemp("gateway")
        with run_gateway(CADDY, folder, places, KEYS, find_free_port(), several=addresses) as gateway:
            yield Several(gateway, groups["websocket"], addresses)


def test_sockets_that_stay_open_are_spread_evenly(several: Several) -> None:
    before = [node.sockets for node in several.sockets]
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(open_socket(several.port))
        opened = [node.sockets - earlier for node, earlier in zip(several.sockets, before, strict=True)]
    assert opened == [3, 3, 3]


def test_all_that_a_polling_client_sends_comes_to_one_node_and_its_upgrade_too(several: Several) -> None:
    first = several.ask(POLLING)
    asked = {several.ask(f"{POLLING}&sid=abc", method) for method in ("GET", "POST") * 6}
    assert asked == {first}
    mine = several.sockets[NODES.index(first)]
    before = mine.sockets
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(open_socket(several.port, "transport=websocket&sid=abc"))
    assert mine.sockets - before == 6


@pytest.mark.parametrize("path", ["/chat/send", "/auth/login", POLLING])
def test_a_node_that_is_away_is_passed_by_without_an_error(several: Several, path: str) -> None:
    name = {"/chat/send": "chat", "/auth/login": "auth"}.get(path, "websocket")
    several.addresses[name] = ["127.0.0.9", NODES[1], "127.0.0.8"]
    try:
        # Nobody listens at two of them; a request that was not taken may be given to another.
        eventually(lambda: {several.ask(path, "POST") for _ in range(6)} == {NODES[1]}, "the only node")
        assert {several.ask(path, "POST") for _ in range(12)} == {NODES[1]}
    finally:
        several.addresses[name] = list(NODES)


def test_a_node_that_is_added_is_used_and_one_that_is_taken_away_is_not(several: Several) -> None:
    several.addresses["chat"] = NODES[:1]
    eventually(lambda: {several.ask("/messages") for _ in range(6)} == {NODES[0]}, "the end of the others")
    several.addresses["chat"] = list(NODES)
    eventually(lambda: {several.ask("/messages") for _ in range(24)} == set(NODES), "all three")
