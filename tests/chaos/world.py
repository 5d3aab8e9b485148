"""A system of many: three websocket nodes, two chat services, auth, Redis and the broker, as real processes.

Chat and websocket stand behind a balancer each, by which the services reach each other. People go straight to the
nodes and to the chat services and on to the next when one does not answer, as through round-robin DNS.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from ops.guard import Guard
from ops.ports import find_free_port
from tests.chaos.nemesis import Target
from tests.conftest import Database
from tests.engines import ENVIRONMENT, Broker, OutsideBroker, RedisServer
from tests.system.backing import Embedded
from tests.system.processes import Process, answers, python_module
from tests.system.stack import Stack

NODES, CHATS = 3, 2


class World:
    """``broker``: None for a system without Kafka. ``bridge``: the broker stands between chat and the nodes."""

    def __init__(
        self, folder: Path, database: Database, guard: Guard, redis: RedisServer, broker: Broker | None, *, bridge: bool
    ) -> None:
        self.redis, self.broker = redis, broker
        self.stack = Stack(folder, database, Embedded(database), guard)
        shared = {"REDIS_URL": redis.url}
        kafka = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap} if broker else {}
        delivery = {"DELIVERY": "kafka"} if bridge else {}
        self.auth = self.stack.auth
        self.chats = [
            self.stack.another(self.stack.chat, f"chat-{number}", **shared, **kafka, **delivery)
            for number in range(1, CHATS + 1)
        ]
        self.nodes = [
            self.stack.another(self.stack.websocket, f"node-{number}", **shared) for number in range(1, NODES + 1)
        ]
        self.bridge = self._make_bridge(kafka, guard, folder) if bridge else None
        self.balancers = [
            self._balance(name, processes, guard, folder)
            for name, processes in (("chat", self.chats), ("websocket", self.nodes))
        ]
        bridges = [self.bridge] if self.bridge else []
        # The balancers first: nobody is ready who finds nobody there.
        self.stack.processes = [*self.balancers, self.auth, *self.nodes, *self.chats, *bridges]

    @property
    def chat_urls(self) -> list[str]:
        return [self.stack.urls[process.name] for process in self.chats]

    @property
    def node_urls(self) -> list[str]:
        return [self.stack.urls[process.name] for process in self.nodes]

    @property
    def processes(self) -> list[Process]:
        """All that may fail; not the balancers, which stand for what others run, nor a broker that the environment
        named."""
        ours = [self.broker] if self.broker and not isinstance(self.broker, OutsideBroker) else []
        engines: list[Process] = [self.redis, *ours]
        return [self.auth, *self.chats, *self.nodes, *([self.bridge] if self.bridge else []), *engines]

    def targets(self) -> list[Target]:
        """A broker without memory that stands between chat and the nodes is frozen only: killed, it would take with it
        what it has acknowledged, of which nobody else knows any more that it was not told."""
        return [
            Target(
                process,
                workers=process in self.chats,
                only_freeze=process is self.broker and self.bridge is not None,
            )
            for process in self.processes
        ]

    def heal(self) -> None:
        for process in self.processes:
            if process.is_running:
                process.resume()
            process.start()
        for process in self.processes:
            process.wait_until_ready()

    def _balance(self, name: str, processes: list[Process], guard: Guard, folder: Path) -> Process:
        """At the address where the services look for ``name``."""
        url = self.stack.urls[name]
        address = urlsplit(url).netloc
        command = [
            sys.executable,
            "-m",
            "ops.balancer",
            address,
            *(f"127.0.0.1:{process.port}" for process in processes),
        ]
        is_ready = answers(url + "/healthz")
        port = urlsplit(url).port or 0
        return Process(f"{name} balancer", command, ENVIRONMENT, port, folder / f"{name}-balancer.log", guard, is_ready)

    def _make_bridge(self, kafka: dict[str, str], guard: Guard, folder: Path) -> Process:
        port = find_free_port()
        self.stack.urls["bridge"] = f"http://127.0.0.1:{port}"
        environment = {
            **ENVIRONMENT,
            **kafka,
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "SERVICE_TOKEN": self.stack.service_token,
            "WEBSOCKET_URL": self.stack.urls["websocket"],
        }
        is_ready = answers(self.stack.urls["bridge"] + "/healthz")
        command = python_module("services.chat.bridge")
        return Process("bridge", command, environment, port, folder / "bridge.log", guard, is_ready)


@contextmanager
def running_world(
    folder: Path, database: Database, *, broker: Broker | None = None, bridge: bool = False
) -> Iterator[World]:
    """With a Redis of its own; ``broker`` is somebody else's, and up."""
    guard = Guard()
    place = folder / "redis"
    place.mkdir(parents=True)
    redis = RedisServer(place, guard)
    try:
        redis.up()
        world = World(folder, database, guard, redis, broker, bridge=bridge)
        try:
            world.stack.start()
            yield world
        finally:
            for process in world.processes:
                if process.is_running:
                    process.resume()
            world.stack.stop()
    finally:
        redis.kill()
        guard.close()
