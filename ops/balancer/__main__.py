"""`python -m ops.balancer HOST:PORT NODE…`, each node as host:port."""

import asyncio
import resource
import signal
import sys
from contextlib import suppress

from ops.balancer.link import Front
from ops.balancer.nodes import Node, Nodes


async def balance(host: str, port: int, nodes: Nodes) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Front(nodes), host, port, backlog=4096)
    watching = [asyncio.create_task(nodes.watch(node)) for node in nodes.all]
    await stopped.wait()
    server.close()
    for task in watching:
        task.cancel()
    for node in nodes.all:
        node.cut()


def split_address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def main(words: list[str]) -> int:
    # Two files for each client.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listen, *nodes = map(split_address, words)
    asyncio.run(balance(*listen, Nodes([Node(*address) for address in nodes])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
