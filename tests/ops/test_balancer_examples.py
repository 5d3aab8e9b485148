"""deploy/balancers: HAProxy and nginx run from the files people copy, before nodes that say who they are."""

import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from ops.engines import is_listening
from ops.places import ROOT
from ops.ports import find_free_port
from tests.ops.gateway import MirrorServer, open_socket, serve_mirrors
from tests.ops.test_gateway_routes import INSIDE, ROUTES
from tests.system.waiting import eventually

FOLDER = ROOT / "deploy" / "balancers"
PROGRAMS = {"haproxy.cfg": "haproxy", "nginx.conf": "nginx"}
OF_THE_PROJECT = ("/rest/", "/auth/v1")  # which has an address of its own there
PLACE = re.compile(r"10\.0\.0\.\d+:\d+")
SERVICES = {"5001": "auth", "5002": "chat", "5003": "websocket", "3000": "pages"}


@dataclass(frozen=True)
class Answer:
    status: int
    service: str
    node: str
    headers: dict[str, str]


class Balancer:
    def __init__(self, public_port: int, inside: dict[str, int], nodes: dict[str, MirrorServer]) -> None:
        self.public_port, self.inside, self.nodes = public_port, inside, nodes

    def ask(self, path: str, method: str = "GET", port: int | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.public_port, timeout=20)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
            seen: dict[str, Any] = json.loads(body) if answer.status == 200 else {}
            return Answer(answer.status, seen.get("service", ""), seen.get("node", ""), seen.get("headers", {}))
        finally:
            connection.close()


@pytest.fixture(scope="module", params=PROGRAMS)
def balancer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    """Every address of the file is one of this machine: a node that answers, or a port to listen on."""
    program = os.environ.get(f"{PROGRAMS[request.param].upper()}_BIN") or shutil.which(PROGRAMS[request.param])
    if program is None:
        pytest.skip(f"{PROGRAMS[request.param]} is not installed")
    text = (FOLDER / request.param).read_text()
    public_port, inside = find_free_port(), {name: find_free_port() for name in ("5001", "5002", "5003")}
    places = sorted(set(PLACE.findall(text)) - {f"10.0.0.1:{port}" for port in inside})
    hosts = {place: f"127.0.0.{place.partition(':')[0].rpartition('.')[2]}" for place in places}
    nodes = {place: MirrorServer(SERVICES[place.rpartition(":")[2]], hosts[place]) for place in places}
    text = PLACE.sub(lambda place: nodes[place[0]].address if place[0] in nodes else place[0], text)
    for name, port in inside.items():
        text = text.replace(f"10.0.0.1:{name}", f"127.0.0.1:{port}")
    text = text.replace("bind :80", f"bind 127.0.0.1:{public_port}").replace("listen 80 ", f"listen {public_port} ")
    text = text.replace("maxconn 100000", "maxconn 1000")
    folder = tmp_path_factory.mktemp("balancer")
    kept = (f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = text.replace("http {\n", f"http {{\n{' '.join(kept)}\n")
    (folder / request.param).write_text(text)
    words = {
        "haproxy.cfg": [program, "-f", str(folder / request.param), "-db"],
        "nginx.conf": [program, "-p", str(folder), "-c", str(folder / request.param)],
    }[request.param]
    if request.param == "nginx.conf":
        words += ["-e", str(folder / "log"), "-g", f"daemon off; pid {folder}/pid;"]
    with serve_mirrors(list(nodes.values())), (folder / "log").open("wb") as log:
        running = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
        try:
            eventually(lambda: is_listening(public_port) or running.poll() is not None, "the balancer")
            assert running.poll() is None, (folder / "log").read_text()
            yield Balancer(public_port, inside, nodes)
        finally:
            running.terminate()
            running.wait(20)


def test_every_public_path_leads_to_its_service(balancer: Balancer) -> None:
    wrong = {path: name for name, paths in ROUTES.items() for path in paths if balancer.ask(path).service != name}
    assert wrong == {}


def test_what_is_for_the_services_is_not_there_for_the_public(balancer: Balancer) -> None:
    found = {path: balancer.ask(path).status for path in INSIDE if not path.startswith(OF_THE_PROJECT)}
    assert {path: status for path, status in found.items() if status != 404} == {}


def test_the_services_reach_each_other_by_the_addresses_inside(balancer: Balancer) -> None:
    for name, port in balancer.inside.items():
        assert balancer.ask("/readyz", port=port).service == SERVICES[name]
    assert balancer.ask("/deliver", "POST", balancer.inside["5003"]).service == "websocket"


def test_polling_stays_with_its_node_and_sockets_are_spread(balancer: Balancer) -> None:
    polling = {balancer.ask(f"/socket.io/?EIO=4&transport=polling{sid}").node for sid in ("", "&sid=a", "&sid=b") * 4}
    assert len(polling) == 1
    assert {balancer.ask("/socket.io/?EIO=4&transport=websocket&sid=a").node for _ in range(6)} == polling
    assert len({balancer.ask("/socket.io/?EIO=4&transport=websocket").node for _ in range(12)}) == 3


def test_sockets_that_stay_open_are_spread_evenly(balancer: Balancer) -> None:
    nodes = [node for node in balancer.nodes.values() if node.name == "websocket"]
    before = [node.sockets for node in nodes]
    with ExitStack() as stack:
        for _ in range(9):
            stack.enter_context(open_socket(balancer.public_port))
        opened = [node.sockets - earlier for node, earlier in zip(nodes, before, strict=True)]
    # nginx counts in each of its processes for itself.
    assert sum(opened) == 9
    assert min(opened) >= 1


def test_nobody_says_who_the_caller_is_but_the_balancer(balancer: Balancer) -> None:
    seen = balancer.ask("/chat/send", "POST", X_Forwarded_For="203.0.113.9", Forwarded="for=203.0.113.9").headers
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert "forwarded" not in seen
