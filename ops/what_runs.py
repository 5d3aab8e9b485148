"""What a run consists of beyond the usual, in lines for its terminal."""

from collections.abc import Iterator

from ops.children import Child
from ops.settings import RunSettings


def describe(settings: RunSettings, children: list[Child]) -> Iterator[str]:
    nodes = [child.environment["PORT"] for child in children if child.name.startswith("websocket-")]
    if nodes:
        yield f"{len(nodes)} websocket nodes, ports {', '.join(nodes)}, behind {settings.local_url('websocket')}"
    if settings.starts_redis:
        yield f"Redis on port {settings.redis_port}; its password is in var/secrets.json"
    elif settings.redis_url is not None:
        yield "Redis: yours, REDIS_URL"
    if settings.starts_broker:
        yield f"Kafka's API on 127.0.0.1:{settings.kafka_port}, by a broker that remembers nothing when it ends"
    elif settings.kafka_servers is not None:
        yield f"Kafka: {settings.kafka_servers}"
    if settings.has_bridge:
        yield "live events go through Kafka and the bridge"
