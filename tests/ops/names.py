"""A name server for tests: what a network of containers answers when one name stands for several of them."""

import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

A, FOUND, MISSING = 1, 0x8180, 0x8183


@dataclass
class Names:
    """`addresses` may be changed at any time; a name without any is not there."""

    port: int
    addresses: dict[str, list[str]]


def answer(packet: bytes, addresses: Mapping[str, list[str]]) -> bytes:
    name, end = read_name(packet)
    (kind,) = struct.unpack_from("!H", packet, end)
    known = addresses.get(name, [])
    found = known if kind == A else []
    head = packet[:2] + struct.pack("!HHHHH", FOUND if known else MISSING, 1, len(found), 0, 0)
    records = (struct.pack("!HHHIH", 0xC00C, A, 1, 0, 4) + IPv4Address(address).packed for address in found)
    return head + packet[12 : end + 4] + b"".join(records)


def read_name(packet: bytes) -> tuple[str, int]:
    """The first name asked for, without the dot at its end, and where it ends."""
    labels, place = [], 12
    while length := packet[place]:
        labels.append(packet[place + 1 : place + 1 + length].decode())
        place += 1 + length
    return ".".join(labels), place + 1


@contextmanager
def serve_names(addresses: dict[str, list[str]]) -> Iterator[Names]:
    """By UDP, and on the same port by TCP, which Caddy before 2.7 uses."""

    class ByUdp(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(answer(self.rfile.read(), addresses))

    class ByTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while size := self.rfile.read(2):
                told = answer(self.rfile.read(int.from_bytes(size)), addresses)
                self.wfile.write(len(told).to_bytes(2) + told)

    with ExitStack() as stack:
        tcp = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), ByTcp))
        port = int(tcp.socket.getsockname()[1])
        udp = stack.enter_context(socketserver.ThreadingUDPServer(("127.0.0.1", port), ByUdp))
        for server in (tcp, udp):
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield Names(port, addresses)
