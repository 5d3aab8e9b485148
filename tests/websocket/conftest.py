from __future__ import annotations

import gc
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from socketio.exceptions import ConnectionError as Refused

from ops.guard import Guard
from tests.engines import RedisServer
from tests.websocket.clients import Client, RawClient
from tests.websocket.listeners import Listener
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, start_nodes, wait_until


@pytest.fixture(scope="session")
def neighbours() -> Iterator[Neighbours]:
    running = Neighbours()
    yield running
    running.close()


@pytest.fixture
def own_neighbours() -> Iterator[Neighbours]:
    """For tests in which auth or chat go away."""
    running = Neighbours()
    yield running
    running.close()


@pytest.fixture(scope="session")
def service(neighbours: Neighbours, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with quick timers; each test brings people of its own."""
    running = Service(
        neighbours,
        tmp_path_factory.mktemp("websocket") / "log",
        CONNECT_TIMEOUT_SECONDS="2",
        EXPIRY_NOTICE_SECONDS="30",
        PRESENCE_GRACE_SECONDS="2",
        PRESENCE_GATHER_SECONDS="0.1",
    )
    yield running
    running.close()


@pytest.fixture
def make_service(neighbours: Neighbours, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A service of the test's own, with the settings it names."""
    running: list[Service] = []

    def make(beside: Neighbours | None = None, **settings: Any) -> Service:
        running.append(Service(beside or neighbours, tmp_path / f"log-{len(running)}", **settings))
        return running[-1]

    yield make
    for one in running:
        one.close()


@pytest.fixture(scope="session")
def nodes_redis(tmp_path_factory: pytest.TempPathFactory, engine_guard: Guard) -> Iterator[RedisServer]:
    """That of ``nodes``. Tests may empty, freeze and end it, and leave it running; the nodes live through that."""
    server = RedisServer(tmp_path_factory.mktemp("nodes-redis"), engine_guard)
    server.up()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def nodes(
    neighbours: Neighbours, nodes_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Service]]:
    """Three nodes on one Redis, with quick timers. Tests may freeze and end them, and leave them running."""
    running = start_nodes(3, neighbours, nodes_redis.url, tmp_path_factory.mktemp("nodes"))
    yield running
    for node in running:
        node.close()


@contextmanager
def stock_clients() -> Iterator[ExitStack]:
    """Closes them at its end, and clears away the sockets that python-socketio leaves to the garbage collector."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            stack.close()
            gc.collect()


@pytest.fixture
def connect(service: Service) -> Iterator[Callable[..., Client]]:
    """``connect(token, transports=…, headers=…)``: a stock client that is closed after the test."""
    with stock_clients() as stack:

        def open_client(
            token: str | None = None,
            *,
            transports: list[str] | None = None,
            headers: dict[str, str] | None = None,
            to: Service | None = None,
            reconnect: bool = False,
        ) -> Client:
            client = Client(to or service, transports=transports, reconnect=reconnect)
            stack.callback(client.close)
            return client.connect(token, headers)

        yield open_client


@pytest.fixture
def refusal(service: Service) -> Iterator[Callable[..., dict[str, Any]]]:
    """As ``connect``, but answers what ``connect_error`` said, and fails if it connects after all."""
    with stock_clients() as stack:

        def attempt(
            token: str | None = None,
            *,
            transports: list[str] | None = None,
            headers: dict[str, str] | None = None,
            to: Service | None = None,
        ) -> dict[str, Any]:
            client = Client(to or service, transports=transports)
            stack.callback(client.close)
            with pytest.raises(Refused):
                client.connect(token, headers)
            found: dict[str, Any] = client.errors[-1]
            return found

        yield attempt


@pytest.fixture
def connect_raw(service: Service) -> Iterator[Callable[..., RawClient]]:
    with ExitStack() as stack:

        def open_client(
            token: str | None = None,
            *,
            to: Service | None = None,
            headers: str = "",
            buffer_bytes: int | None = None,
        ) -> RawClient:
            client = RawClient(to or service, token, headers=headers, buffer_bytes=buffer_bytes)
            stack.callback(client.close)
            return client

        yield open_client


@pytest.fixture
def pair(nodes: list[Service]) -> list[Service]:
    for node in nodes:
        wait_until(lambda node=node: node.get("/readyz").json()["dependencies"]["redis"] == "ok")  # type: ignore[misc]
        # Whoever connects before a round of resyncs begins hears it, too.
        wait_until(lambda node=node: node.metric("pulse_socket_resync_rounds") == 0)  # type: ignore[misc]
    return nodes[:2]


@pytest.fixture
def listen(
    connect_raw: Callable[..., RawClient], neighbours: Neighbours
) -> Iterator[Callable[[Service, str], Listener]]:
    listening: list[Listener] = []

    def start(node: Service, who: str) -> Listener:
        listening.append(Listener(connect_raw(neighbours.sign(who), to=node)))
        return listening[-1]

    yield start
    for listener in listening:
        listener.stop()


@pytest.fixture
def listeners(pair: list[Service], listen: Callable[[Service, str], Listener], ann: str) -> list[Listener]:
    return [listen(node, ann) for node in pair]


@pytest.fixture
def ann() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def ben() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def cho() -> str:
    return str(uuid.uuid4())
