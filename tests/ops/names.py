"""A name server for tests: what a network of containers answers when one name stands for several of them."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

A, FOUND, MISSING = 1, 0x8180, 0x8183


class Names(socketserver.ThreadingUDPServer):
    """`addresses` may be changed while it runs; a name without any is not there."""

    daemon_threads = True

    def __init__(self, addresses: dict[str, list[str]]) -> None:
        self.addresses = addresses
        super().__init__(("127.0.0.1", 0), Question)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


class Question(socketserver.BaseRequestHandler):
    server: Names

    def handle(self) -> None:
        packet, reply_to = self.request
        name, end = read_name(packet)
        (kind,) = struct.unpack_from("!H", packet, end)
        known = self.server.addresses.get(name, [])
        found = known if kind == A else []
        head = packet[:2] + struct.pack("!HHHHH", FOUND if known else MISSING, 1, len(found), 0, 0)
        records = (struct.pack("!HHHIH", 0xC00C, A, 1, 0, 4) + IPv4Address(address).packed for address in found)
        reply_to.sendto(head + packet[12 : end + 4] + b"".join(records), self.client_address)


def read_name(packet: bytes) -> tuple[str, int]:
    """The first name asked for, without the dot at its end, and where it ends."""
    labels, place = [], 12
    while length := packet[place]:
        labels.append(packet[place + 1 : place + 1 + length].decode())
        place += 1 + length
    return ".".join(labels), place + 1


@contextmanager
def serve_names(addresses: dict[str, list[str]]) -> Iterator[Names]:
    with Names(addresses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
