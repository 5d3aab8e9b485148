"""The seeds' shape on Node: its chat process and its socket process, on a database of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
import psycopg

from bench.cores import ALL
from bench.peers.running import PEERS, prepare_node, system_environment
from bench.people import LIFE_SECONDS, SERVICE_TOKEN
from bench.programs import Program
from ops.frontend import node_path
from ops.guard import Guard
from ops.ports import find_free_port, find_obstacle

FOLDER = PEERS / "seed_node"
SCHEMA = FOLDER / "schema.sql"
SECRET = secrets.token_urlsafe(32)


@dataclass(frozen=True)
class SeedNode:
    """``programs`` and ``ports`` by name, as Pulse has them: chat, websocket."""

    programs: dict[str, Program]
    ports: dict[str, int]

    def token(self, user_id: object) -> str:
        now = int(time.time())
        claims = {"sub": str(user_id), "aud": "authenticated", "iat": now, "exp": now + LIFE_SECONDS}
        return jwt.encode(claims, SECRET, algorithm="HS256")


def make_tables(database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute(SCHEMA.read_bytes())


@contextmanager
def running_seed(folder: Path, guard: Guard, database_url: str, cores: set[int] = ALL) -> Iterator[SeedNode]:
    """``database_url`` names a database with its tables."""
    folder.mkdir(parents=True, exist_ok=True)
    place = prepare_node(FOLDER.name)
    ports = {name: find_free_port() for name in ("chat", "websocket")}
    environment = {
        **system_environment(),
        **node_path(),
        "NODE_ENV": "production",
        "DATABASE_URL": database_url,
        "JWT_SECRET": SECRET,
        "SERVICE_TOKEN": SERVICE_TOKEN,
        "WEBSOCKET_URL": f"http://127.0.0.1:{ports['websocket']}",
    }

    def start(name: str, script: str) -> Program:
        own = {**environment, "PORT": str(ports[name])}
        log = folder / f"seed-{name}.log"
        return Program(f"seed_node's {name}", ("node", script), own, log=log, guard=guard, cores=cores, folder=place)

    with start("websocket", "socket.js") as websocket, start("chat", "chat.js") as chat:
        for name, program in (("websocket", websocket), ("chat", chat)):
            program.wait_until(lambda port=ports[name]: find_obstacle(port) is not None)  # type: ignore[misc]
        yield SeedNode({"chat": chat, "websocket": websocket}, ports)
