"""Starts the peers, which all are told what to emit in the same way: POST /emit."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.client import compile_load
from bench.events import NAME, make_event, make_packet
from bench.programs import Program
from ops.building import digest, is_current, run, say
from ops.frontend import node_path
from ops.guard import Guard
from ops.places import ROOT
from ops.plan import SYSTEM
from ops.ports import find_free_port, find_obstacle

PEERS = Path(__file__).parent
FLASK = {"flask_eventlet": "eventlet", "flask_gevent": "gevent"}
NAMES = ("node", *FLASK, "bare")


class Peer:
    """``name`` is one of NAMES; ``port`` takes websockets as Pulse's does."""

    def __init__(self, name: str, program: Program, port: int) -> None:
        self.name, self.program, self.port = name, program, port

    def emit(self, first: int, events: int, groups: int) -> None:
        """The nth event goes to group n modulo ``groups``. Returns when the peer has emitted the last."""
        order = {"first": first, "events": events, "groups": groups}
        body, kind = json.dumps(order), "application/json"
        if self.name == "bare":
            body = "".join(f" {name}={value}" for name, value in order.items()) + " " + make_packet(make_event())
            kind = "text/plain"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("POST", "/emit", body.encode(), {"Content-Type": kind})
            connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running_peer(name: str, folder: Path, guard: Guard, cores: set[int]) -> Iterator[Peer]:
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    settings = {"PORT": str(port), "EVENT": json.dumps([NAME, make_event()])}
    if name == "bare":
        words: tuple[str, ...] = (str(compile_load()), "bare", str(port))
    elif name == "node":
        words = ("node", "server.js")
        settings |= {"NODE_ENV": "production"}
    else:
        words = (sys.executable, str(PEERS / "flask_socketio_stock.py"))
        settings |= {"ASYNC_MODE": FLASK[name]}
    place = prepare_node("socketio_node") if name == "node" else ROOT
    environment = {**system_environment(), **(node_path() if name == "node" else {}), **settings}
    log = folder / f"{name}.log"
    with Program(name, words, environment, log=log, guard=guard, cores=cores, folder=place) as program:
        program.wait_until(lambda: find_obstacle(port) is not None)
        yield Peer(name, program, port)


def prepare_node(name: str) -> Path:
    """The folder of a peer on Node with exactly the packages of its lock. Raises SetupError."""
    folder = PEERS / name
    manifest = [folder / "package.json", folder / "package-lock.json"]
    note, state = folder / "node_modules" / ".pulse-installed", digest(manifest)
    if not is_current(note, state):
        path = node_path()
        say(f"installing the packages of bench/peers/{name}")
        words = ["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
        run(words, f"`npm ci` failed in bench/peers/{name}", path, folder)
        note.write_text(state)
    return folder


def system_environment() -> Mapping[str, str]:
    return {name: os.environ[name] for name in SYSTEM if name in os.environ}
