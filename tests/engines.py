"""Redis and the broker as tests use them: real servers that a test may kill, freeze and start again on the same port.

`redis_server` and `broker` are fixtures everywhere (tests/conftest.py): one server for a test process, emptied for
each file that asks for it. Whoever needs one of their own makes a `RedisServer` or `Broker` and stops it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import pytest
import redis
from confluent_kafka.admin import AdminClient

from ops.engines import broker_command, find_broker, find_redis, is_listening, redis_answers, redis_command
from ops.guard import Guard
from ops.ports import find_free_port
from tests.system.processes import Process

ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
PASSWORD = "redis-in-tests"


class RedisServer(Process):
    """`start` and `wait_until_ready` (or `up`), `stop`, `kill`, `pause`, `resume`; `url` stays the same."""

    def __init__(self, folder: Path, guard: Guard, port: int | None = None, password: str | None = PASSWORD) -> None:
        port = port or find_free_port()
        self.password = password
        login = f":{password}@" if password else ""
        self.url = f"redis://{login}127.0.0.1:{port}/0"
        command = redis_command(find_redis(), port, folder, password)
        super().__init__("redis", command, ENVIRONMENT, port, folder / "redis.log", guard, redis_answers(self.url))

    def up(self) -> None:
        self.start()
        self.resume()
        self.wait_until_ready()

    def connect(self) -> redis.Redis:
        """For looking at what is in it."""
        return redis.Redis.from_url(self.url, socket_timeout=10, socket_connect_timeout=10)

    def clear(self) -> None:
        with self.connect() as connection:
            connection.flushall()


class Broker(Process):
    """The same for the broker, which has no password; `bootstrap` stays the same. It remembers nothing once ended."""

    def __init__(self, folder: Path, guard: Guard, port: int | None = None) -> None:
        port = port or find_free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        command = broker_command(find_broker(), port)
        super().__init__("broker", command, ENVIRONMENT, port, folder / "broker.log", guard, lambda: is_listening(port))

    def up(self) -> None:
        self.start()
        self.resume()
        self.wait_until_ready()

    def connect(self) -> AdminClient:
        """For looking at its topics."""
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "socket.timeout.ms": 5000})

    def clear(self) -> None:
        self.kill()
        self.up()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else uses it: it is this process's own."""
        yield

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        """On SIGTERM it would take its five seconds."""
        super().stop(with_signal)


class OutsideBroker(Broker):
    """The one that KAFKA_BOOTSTRAP_SERVERS names: it is used, and neither emptied nor ended."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def up(self) -> None:
        for address in self.bootstrap.split(","):
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()

    start = wait_until_ready = up

    def clear(self) -> None:
        pass

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Test processes take turns: its topics, and the group that bridges share, are the same for all of them."""
        with (Path(gettempdir()) / "pulse-tests-outside-broker.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def kill(self) -> None:
        pytest.skip("the broker of KAFKA_BOOTSTRAP_SERVERS is not ours to end or freeze")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:  # noqa: ARG002 - nobody is asked
        self.kill()

    def pause(self) -> None:
        self.kill()

    def resume(self) -> None:
        self.kill()


@pytest.fixture(scope="session")
def engine_guard() -> Iterator[Guard]:
    """Ends them, whatever becomes of pytest."""
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture(scope="session")
def _redis_process(tmp_path_factory: pytest.TempPathFactory, engine_guard: Guard) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), engine_guard)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def _broker_process(tmp_path_factory: pytest.TempPathFactory, engine_guard: Guard) -> Iterator[Broker]:
    if outside := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield OutsideBroker(outside)
        return
    server = Broker(tmp_path_factory.mktemp("broker"), engine_guard)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def redis_server(_redis_process: RedisServer) -> RedisServer:
    """Running and empty when the first test of a file asks for it."""
    _redis_process.up()
    _redis_process.clear()
    return _redis_process


@pytest.fixture(scope="module")
def broker(_broker_process: Broker) -> Iterator[Broker]:
    """Running, and without topics when the first test of a file asks for it, unless it is an outside one."""
    with _broker_process.alone():
        _broker_process.up()
        _broker_process.clear()
        yield _broker_process
