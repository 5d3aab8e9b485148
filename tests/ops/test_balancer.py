"""The development balancer: evenly, past dead nodes, away from frozen ones, and without buffers that grow."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ops.places import ROOT
from ops.ports import find_free_port
from tests.system.waiting import eventually

# Answers a request with its own port (with 0 for /watched before the first /healthz is answered), echoes lines that are
# none, and ends its side after "bye".
NODE = """
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    watched = False
    def handle(self):
        for line in self.rfile:
            if line.startswith(b"GET"):
                port = "0" if b" /watched " in line and not Echo.watched else sys.argv[1]
                self.wfile.write(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + port.encode())
                Echo.watched = Echo.watched or b" /healthz " in line
                return
            self.wfile.write(line)
            if line == b"bye\\n":
                return
        self.wfile.write(b"heard all")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 512
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


class World:
    """`count` nodes behind a balancer, which has heard from each but the `frozen`, who are stopped before it starts."""

    def __init__(self, folder: Path, count: int, frozen: int = 0) -> None:
        self.ports = [find_free_port() for _ in range(count)]
        self.port = find_free_port()
        self.log = folder / "balancer.log"
        self.nodes = dict.fromkeys(self.ports)
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        for port in self.ports:
            self.start(port)
        for port in self.ports[:frozen]:
            self.send(port, signal.SIGSTOP)
        words = [f"127.0.0.1:{port}" for port in (self.port, *self.ports)]
        with self.log.open("wb") as log:
            self.balancer = subprocess.Popen(
                [sys.executable, "-m", "ops.balancer", *words], cwd=ROOT, stdout=log, stderr=log
            )
        eventually(lambda: all(self.ask(port, "/watched") for port in self.ports[frozen:]), "the balancer")

    def start(self, port: int) -> None:
        self._running[port] = subprocess.Popen([sys.executable, "-c", NODE, str(port)], stderr=subprocess.DEVNULL)
        eventually(lambda: self.ask(port), "the node")

    def send(self, port: int, number: signal.Signals) -> None:
        self._running[port].send_signal(number)
        if number == signal.SIGKILL:
            self._running[port].wait()

    def stop(self) -> int:
        for node in self._running.values():
            node.kill()
            node.wait()
        self.balancer.terminate()
        return self.balancer.wait(30)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, port: int, path: str = "/") -> int:
        """Which node answers a request there; 0 when none does."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
            asking.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            return int(read_all(asking).rpartition(b"\r\n")[2] or 0)
        return 0

    def find_log(self, text: str) -> bool:
        return text in self.log.read_text()


def read_all(connection: socket.socket) -> bytes:
    pieces = b""
    while piece := connection.recv(65536):
        pieces += piece
    return pieces


def count_lost(held: list[socket.socket]) -> int:
    """Those that no longer echo."""
    lost = 0
    for connection in held:
        try:
            connection.sendall(b"still there\n")
            lost += connection.recv(100) != b"still there\n"
        except OSError:
            lost += 1
    return lost


@contextmanager
def running(folder: Path, count: int, frozen: int = 0) -> Iterator[World]:
    made = World(folder, count, frozen)
    try:
        yield made
    finally:
        code = made.stop()
    assert code == 0, made.log.read_text()
    assert not made.find_log("Traceback"), made.log.read_text()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path, 3) as world:
        yield world


def test_connections_go_evenly_to_all_nodes_and_bytes_both_ways(world: World) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(world.connect()) for _ in range(30)]
        for number, connection in enumerate(held):
            connection.sendall(b"hello %d\n" % number)
        for number, connection in enumerate(held):
            assert connection.recv(100) == b"hello %d\n" % number
        counted: Counter[int] = Counter()
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            counted[int(read_all(connection).rpartition(b"\r\n")[2])] += 1
    assert counted == dict.fromkeys(world.ports, 10)


def test_a_node_not_heard_of_yet_gets_its_share_and_loses_it_when_it_stays_silent(tmp_path: Path) -> None:
    with running(tmp_path, 2, frozen=1) as world, ExitStack() as stack:
        silent, other = world.ports
        held = [stack.enter_context(world.connect()) for _ in range(6)]
        eventually(lambda: world.find_log(f"{silent} does not answer: 3 connections cut"), "the cut")
        assert count_lost(held) == 3
        assert {world.ask(world.port) for _ in range(6)} == {other}
        world.send(silent, signal.SIGCONT)
        eventually(lambda: world.find_log(f"{silent} answers again"), "the finding")


def test_either_end_may_finish_first_and_is_still_answered(world: World) -> None:
    with world.connect() as connection:
        connection.sendall(b"all of it")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"all of itheard all"
    with world.connect() as connection:
        connection.sendall(b"bye\n")
        assert read_all(connection) == b"bye\n"


def test_a_killed_node_is_passed_by_at_once_and_used_again_when_it_is_back(world: World) -> None:
    killed = world.ports[0]
    world.send(killed, signal.SIGKILL)
    assert {world.ask(world.port) for _ in range(12)} == set(world.ports[1:])
    eventually(lambda: world.find_log(f"{killed} does not answer"), "the finding")
    world.start(killed)
    eventually(lambda: world.find_log(f"{killed} answers again"), "the finding")
    with ExitStack() as stack:
        held = [stack.enter_context(world.connect()) for _ in range(6)]
        for connection in held:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert {int(read_all(connection).rpartition(b"\r\n")[2]) for connection in held} == set(world.ports)


def test_a_frozen_node_loses_its_clients_to_the_others_and_the_others_keep_theirs(world: World) -> None:
    frozen = world.ports[1]
    with ExitStack() as stack:
        held = [stack.enter_context(world.connect()) for _ in range(3)]
        for connection in held:
            connection.sendall(b"hello\n")
            assert connection.recv(100) == b"hello\n"
        world.send(frozen, signal.SIGSTOP)
        eventually(lambda: world.find_log(f"{frozen} does not answer: 1 connections cut"), "the cut")
        assert count_lost(held) == 1
        assert frozen not in {world.ask(world.port) for _ in range(6)}
    world.send(frozen, signal.SIGCONT)
    eventually(lambda: world.find_log(f"{frozen} answers again"), "the finding")


def test_with_no_node_left_a_client_is_let_go_and_the_first_to_return_is_used(world: World) -> None:
    for port in world.ports:
        world.send(port, signal.SIGKILL)
    with world.connect() as connection:
        assert connection.recv(1) == b""
    world.start(world.ports[2])
    assert world.ask(world.port) == world.ports[2]


def test_what_a_client_does_not_read_waits_at_its_node_and_not_in_the_balancer(world: World) -> None:
    line, lines = b"x" * 65535 + b"\n", 800
    before = memory(world.balancer.pid)
    with world.connect() as connection:
        sending = threading.Thread(target=connection.sendall, args=(line * lines,), daemon=True)
        sending.start()
        sending.join(1)
        assert sending.is_alive(), "52 MB fit into the buffers between"
        assert memory(world.balancer.pid) - before < 10_000_000
        received = 0
        while received < len(line) * lines:
            received += len(connection.recv(1 << 20))
        sending.join(20)
    assert received == len(line) * lines


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_four_hundred_clients_at_once_are_all_served(world: World) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(world.connect()) for _ in range(400)]
        for connection in held:
            connection.sendall(b"hello\n")
        assert all(connection.recv(100) == b"hello\n" for connection in held)
    assert world.ask(world.port)
