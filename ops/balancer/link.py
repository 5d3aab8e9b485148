"""One client and the node it was given to: what either sends goes to the other, no faster than that one reads."""

import asyncio
from typing import cast

from ops.balancer.nodes import Node, Nodes

CONNECT_SECONDS = 1.0
BUFFER_BYTES = 256 * 1024
# A server that has said its last is done; a client may still wait for the answer to what it asked.
AFTER_NODE_SECONDS = 2.0
AFTER_CLIENT_SECONDS = 60.0


class Side(asyncio.Protocol):
    """Either end of a link; `other` is where its bytes go."""

    half_open_seconds = AFTER_NODE_SECONDS

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.has_ended = False
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio sets TCP_NODELAY by itself.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """Passed on, and the way back stays open for a while."""
        self.has_ended = True
        other = self.other
        if other is None or other.transport is None or other.has_ended:
            return False
        if other.transport.can_write_eof():
            other.transport.write_eof()
        self._cut_after(self.half_open_seconds)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._limit is not None:
            self._limit.cancel()
        other = self.other
        if other is None or other.transport is None:
            return
        if error is not None:
            other.cut()
            return
        # What is on its way to the other is written first.
        other.transport.close()
        if other.transport is not None and other.transport.get_write_buffer_size():
            other._cut_after(AFTER_CLIENT_SECONDS)

    def cut(self) -> None:
        """Both ends, at once."""
        for side in (self, self.other):
            if side is not None and side.transport is not None:
                side.transport.abort()

    def _cut_after(self, seconds: float) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.cut)


class Back(Side):
    """The node's end."""


class Front(Side):
    """The client's end: finds itself a node, and reads nothing before."""

    half_open_seconds = AFTER_CLIENT_SECONDS

    def __init__(self, nodes: Nodes) -> None:
        super().__init__()
        self._nodes = nodes
        self._node: Node | None = None
        self._search: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()
        self._search = asyncio.get_running_loop().create_task(self._connect())

    def connection_lost(self, error: Exception | None) -> None:
        self._give_back()
        super().connection_lost(error)

    async def _connect(self) -> None:
        """To the first node that takes the connection; nothing was sent yet, so any may."""
        for node in self._nodes.in_order():
            # Counted from now on, or all of a crowd that comes at once would go to one.
            self._node = node
            node.links.add(self.cut)
            try:
                connecting = asyncio.get_running_loop().create_connection(Back, node.host, node.port)
                _, back = await asyncio.wait_for(connecting, CONNECT_SECONDS)
            except (OSError, TimeoutError):
                self._give_back()
                if self.transport is None:
                    return
                continue
            if self.transport is None or self.transport.is_closing():
                back.cut()
            else:
                self.other, back.other = back, self
                self.transport.resume_reading()
            return
        self.cut()

    def _give_back(self) -> None:
        if self._node is not None:
            self._node.links.discard(self.cut)
            self._node = None
