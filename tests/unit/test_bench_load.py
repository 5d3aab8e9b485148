"""The load client counts what arrives: what is lost, doubled or not for a socket is told as such."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import cores
from bench.client import MARKER, Load, LoadFailed, compile_load, find_problems, post
from ops.errors import SetupError
from ops.guard import Guard

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="the load client is compiled with a C compiler"
)


class Server:
    """Lets sockets in, refuses them or turns them away; ``say`` writes an event to one.

    What is posted is answered with ``status``.
    """

    status = "201 Created"
    full = 0  # so many more are turned away

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.members: dict[str, socket.socket] = {}
        self.posted: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def say(self, name: str, number: int, *, pieces: int = 1, at: int | None = None) -> None:
        then = time.monotonic_ns() if at is None else at
        packet = f'42["message.sent",{{"content":"<t={then:016x},n={number:08x}>{"x" * 200}"}}]'.encode()
        frame = b"\x81\x7e" + len(packet).to_bytes(2, "big") + packet
        size = -(-len(frame) // pieces)
        for start in range(0, len(frame), size):
            self.members[name].sendall(frame[start : start + size])
            time.sleep(0.01 if pieces > 1 else 0)

    def close(self) -> None:
        self._listener.close()
        for member in self.members.values():
            member.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        asked = client.recv(65_536)
        while asked.startswith(b"POST"):
            self.posted.append(asked)
            client.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: 2\r\n\r\nok".encode())
            asked = client.recv(65_536)
        if not asked:
            client.close()
            return
        if self.full:
            self.full -= 1
            client.close()
            return
        client.sendall(b'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x0c0{"sid":"x"}')
        name = client.recv(65_536)[6:].decode()
        if "refused" in name:
            client.sendall(b"\x81\x0244")
            return
        self.members[name.removeprefix("40")] = client
        client.sendall(b"\x81\x0240")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_load(tmp_path_factory.mktemp("load") / "load")


@pytest.fixture
def load(program: Path, tmp_path: Path) -> Iterator[Load]:
    guard = Guard()
    with Load(tmp_path, guard, cores.ALL, program) as made:
        yield made
    guard.close()


def test_a_run_in_which_every_socket_hears_every_event_once_is_valid(load: Load, server: Server) -> None:
    told = load.connect(server.port, ["40ann", "40ben"])
    assert told["connected"] == 2
    first = load.expect(3, groups=1)
    for n in range(3):
        server.say("ann", first + n)
        server.say("ben", first + n, pieces=4)
    told = load.finish(timeout=20)
    assert (told["expected"], told["received"], told["least"], told["most"]) == (6, 6, 3, 3)
    assert find_problems(told) == []


def test_a_lost_and_a_doubled_event_are_told_as_such(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann", "40ben"])
    first = load.expect(2, groups=1)
    for name, number in (("ann", 0), ("ann", 1), ("ann", 1), ("ben", 0)):
        server.say(name, first + number)
    told = load.finish(timeout=3)
    assert (told["missing"], told["doubled"], told["strange"]) == (1, 1, 0)
    assert (told["least"], told["most"]) == (1, 2)
    assert find_problems(told) == ["1 deliveries missing", "1 deliveries arrived twice"]


def test_an_event_of_others_or_from_before_is_strange(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann", "40ben"], size=1)
    before = load.expect(2, groups=2)
    server.say("ann", before)
    server.say("ben", before + 1)
    assert find_problems(load.finish(timeout=20)) == []
    first = load.expect(2, groups=2)
    server.say("ann", before)
    server.say("ann", first)
    server.say("ann", first + 1)
    server.say("ben", first + 1)
    told = load.finish(timeout=20)
    assert (told["received"], told["strange"]) == (2, 2)


def test_a_late_event_counts_with_its_whole_delay(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann"])
    first = load.expect(1, groups=1)
    server.say("ann", first, at=time.monotonic_ns() - 3_000_000_000)
    assert load.finish(timeout=20)["delay_ms"]["max"] >= 3_000


def test_a_socket_that_is_lost_makes_the_run_invalid(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann"])
    load.expect(0)
    server.members["ann"].shutdown(socket.SHUT_RDWR)
    assert find_problems(load.finish(timeout=1, linger_ms=500)) == ["1 sockets lost"]


def test_a_socket_that_is_refused_is_no_measurement(load: Load, server: Server) -> None:
    with pytest.raises(LoadFailed, match=r"1 of 2 sockets were let in .* 1 refused"):
        load.connect(server.port, ["40ann", "40refused"], timeout=20)


def test_those_who_reconnect_are_let_in_again(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann", "40ben"])
    before = server.members["ben"]
    assert load.reconnect(1, 1, timeout=20)["connected"] == 1
    assert server.members["ben"] is not before


def test_who_is_turned_away_tries_again_until_it_is_let_in(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann", "40ben"])
    server.full = 2
    told = load.reconnect(0, 2, retry_ms=50, timeout=20)
    assert (told["connected"], told["failed"], server.full) == (2, 2, 0)
    first = load.expect(1, groups=1)
    server.say("ann", first)
    server.say("ben", first)
    assert find_problems(load.finish(timeout=20)) == []


def test_requests_are_sent_with_numbers_and_ids_of_their_own(load: Load, server: Server) -> None:
    load.connect(server.port, ["40ann"])
    first = load.expect(10)
    load.send(server.port, [post("/send", {"content": MARKER}, "token", [0])], connections=1, total=3)
    told = load.finish(timeout=3)
    assert told["http"]["answered"] == 3
    assert [f"n={first + n:08x}>".encode() in asked for n, asked in enumerate(server.posted)] == [True] * 3
    assert find_problems(told) == ["3 deliveries missing"]


def test_an_open_loop_sends_what_is_due_and_no_more(load: Load, server: Server) -> None:
    load.expect(100)
    load.send(server.port, [post("/send", {}, "token")], connections=4, rate=50, seconds=1)
    told = load.finish(timeout=20)
    assert (told["http"]["sent"], told["http"]["answered"]) == (50, 50)
    assert find_problems(told) == []


def test_a_request_that_is_refused_makes_the_run_invalid(load: Load, server: Server) -> None:
    server.status = "503 Service Unavailable"
    load.expect(0)
    load.send(server.port, [post("/send", {}, "token")], total=2)
    told = load.finish(timeout=20)
    assert told["http"]["statuses"] == {"503": 2}
    assert "2 of 2 requests failed" in find_problems(told)[0]


def test_without_a_compiler_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(SetupError, match="install one"):
        compile_load(tmp_path / "load")
