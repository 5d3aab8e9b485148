"""Several websocket processes instead of one, and the balancer that stands where the one would."""

import http.client
import sys
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from ops.children import Child
from ops.ports import find_obstacle
from ops.settings import RunSettings

ABOVE = 100


def make_nodes(settings: RunSettings, alone: Child) -> list[Child]:
    """`alone` is the websocket service as one process at its usual port."""
    if settings.nodes == 1:
        return [alone]
    ports = find_node_ports(settings)
    nodes = [_make_node(alone, number, port) for number, port in enumerate(ports, 1)]
    addresses = [f"{settings.host}:{settings.websocket_port}", *(f"127.0.0.1:{port}" for port in ports)]
    words = (sys.executable, "-m", "ops.balancer", *addresses)
    # Of its environment, only what every Python needs.
    environment = {name: value for name, value in alone.environment.items() if name.isupper() and "PATH" in name}
    return [*nodes, Child("balancer", words, environment, alone.is_ready)]


def find_node_ports(settings: RunSettings) -> list[int]:
    """The first free ones from 100 above the usual port."""
    taken = set(settings.ports.values())
    ports = (port for port in range(settings.websocket_port + ABOVE, 65536) if port not in taken)
    free = (port for port in ports if find_obstacle(port) is None)
    return [port for port, _ in zip(free, range(settings.nodes), strict=False)]


def _make_node(alone: Child, number: int, port: int) -> Child:
    environment = {**alone.environment, "HOST": "127.0.0.1", "PORT": str(port)}
    is_ready = answers(f"http://127.0.0.1:{port}")
    return replace(alone, name=f"websocket-{number}", environment=environment, is_ready=is_ready)


def answers(url: str) -> Callable[[], bool]:
    """Whether `url`'s /healthz is answered 200 now."""
    parts = urlsplit(url)

    def is_ready() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=0.5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return is_ready
