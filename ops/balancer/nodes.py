"""The nodes behind the balancer: which of them answer, and what is connected to each."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

CHECK_SECONDS = 0.5
ANSWER_SECONDS = 1.0
# A refused connection tells at once; silence may be a busy moment.
SILENCES = 3


class Node:
    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.is_up: bool | None = None
        """What was last said of it; None until it first answered: it may still be starting."""
        self.silences = 0
        self.turn = 0
        self.links: set[Callable[[], None]] = set()
        """How to cut each connection that is given to this node."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_down(self) -> bool:
        """Not so before the first answer is late: else all who come at the start would go to the node that is first."""
        return self.silences >= SILENCES

    def cut(self) -> int:
        cuts = list(self.links)
        for cut in cuts:
            cut()
        return len(cuts)


class Nodes:
    def __init__(self, nodes: list[Node]) -> None:
        self.all = nodes
        self._turns = count(1)

    def in_order(self) -> Iterator[Node]:
        """Those to try for a new connection: the one with fewest first, of equals in turn, those that are down last."""
        for node in sorted(self.all, key=lambda node: (node.is_down, len(node.links), node.turn)):
            node.turn = next(self._turns)
            yield node

    async def watch(self, node: Node) -> None:
        """Ask again and again. A node that falls silent loses its connections, so that its clients move on."""
        while True:
            try:
                alive = await asyncio.wait_for(_is_alive(node), ANSWER_SECONDS)
                node.silences = 0 if alive else SILENCES
            except ConnectionError:
                node.silences = SILENCES
            except (TimeoutError, OSError):
                node.silences += 1
            self._note(node)
            await asyncio.sleep(CHECK_SECONDS)

    def _note(self, node: Node) -> None:
        if node.silences == 0:
            if node.is_up is False:
                print(f"{node} answers again", flush=True)
            node.is_up = True
        elif node.is_down and node.is_up is not False:
            cut = node.cut()
            # One that is still starting has nobody to lose.
            if node.is_up or cut:
                node.is_up = False
                print(f"{node} does not answer: {cut} connections cut", flush=True)


async def _is_alive(node: Node) -> bool:
    reader, writer = await asyncio.open_connection(node.host, node.port)
    try:
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {node}\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return line.split(b" ")[1:2] == [b"200"]
    finally:
        # Also after a timeout, when nobody may be there to say goodbye to.
        with suppress(OSError):
            writer.transport.abort()
