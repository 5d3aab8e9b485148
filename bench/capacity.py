"""What one node bears, for the capacity model of docs/scaling.md: work per core second.

    python -m bench.capacity

One websocket node with a thousand sockets, one chat service with its workers, and an embedded PostgreSQL. A core
second is what the kernel charged the processes, so that what else runs on the machine matters little.
"""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import requests

from ops.migrate import APP_ROLE, migrate
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from tests.conftest import Database
from tests.system.person import Person
from tests.system.stack import Stack, running_stack

SOCKETS = 1_000
EVENTS = 100
MESSAGES = 2_000
SENDERS = 16
SERVICES_PASSWORD = "services-in-a-measurement"  # noqa: S105
TICKS = os.sysconf("SC_CLK_TCK")
CONTENT = "A message of an ordinary length, as people write them to each other all day long. " * 2


def processes_of(root: int) -> Iterator[int]:
    """A process and all below it."""
    yield root
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if int(path.read_text().rpartition(")")[2].split()[1]) == root:
                yield from processes_of(int(path.parent.name))


def core_seconds(root: int) -> float:
    """What a process and all below it were charged so far."""
    total = 0
    for pid in processes_of(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Sockets:
    """Signed-in websockets that read and forget; ``received`` counts their bytes."""

    def __init__(self, url: str, token: str, count: int) -> None:
        self.received = 0
        self._selector = selectors.DefaultSelector()
        place = urlsplit(url)
        for _ in range(count):
            self._selector.register(connect(place.hostname or "", place.port or 0, token), selectors.EVENT_READ)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            for key, _ in self._selector.select():
                self.received += len(key.fileobj.recv(1 << 20))  # type: ignore[union-attr]


def connect(host: str, port: int, token: str) -> socket.socket:
    made = socket.create_connection((host, port), timeout=30)
    made.sendall(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    hear(made, b'0{"sid"')
    said = f'40{{"token":"{token}"}}'.encode()
    made.sendall(b"\x81" + bytes([0x80 | 126]) + len(said).to_bytes(2, "big") + bytes(4) + said)
    hear(made, b'40{"sid"')
    return made


def hear(made: socket.socket, wanted: bytes) -> None:
    heard = b""
    while wanted not in heard:
        more = made.recv(65_536)
        if not more:
            raise SystemExit(f"a socket was refused: {heard!r}")
        heard += more


def wait_until(look: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit("what was measured did not come to an end")
        time.sleep(0.01)


def measure_sockets(stack: Stack, ann: Person) -> Sockets:
    pid = stack.websocket.pid
    before = resident_bytes(pid)
    sockets = Sockets(stack.urls["websocket"], ann.token, SOCKETS)
    time.sleep(1)
    say(f"resident memory per socket, {SOCKETS:,} idle", (resident_bytes(pid) - before) / SOCKETS / 1024, "KiB")
    return sockets


def measure_fanout(stack: Stack, ann: Person, sockets: Sockets, events_a_post: int) -> None:
    pid = stack.websocket.pid
    message = {"id": str(uuid4()), "content": CONTENT, "sender_id": ann.id}
    event = {"event": "message.sent", "data": {"conversation_id": str(uuid4()), "seq": 1, "message": message}}
    body = {"deliveries": [{"to": [ann.id], "events": [event] * events_a_post}]}
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {stack.service_token}"

    def deliver() -> None:
        http.post(stack.urls["websocket"] + "/deliver", json=body, timeout=60).raise_for_status()

    quiet = sockets.received
    deliver()
    wait_until(lambda: _settled(sockets))
    one_post = sockets.received - quiet
    began, charged = sockets.received, core_seconds(pid)
    for _ in range(EVENTS):
        deliver()
    wait_until(lambda: sockets.received - began >= one_post * EVENTS)
    charged = core_seconds(pid) - charged
    frame = one_post / SOCKETS / events_a_post
    say(
        f"deliveries of {frame:.0f} bytes, {events_a_post} an entry",
        SOCKETS * EVENTS * events_a_post / charged,
        "per core second",
    )


def _settled(sockets: Sockets) -> bool:
    before = sockets.received
    time.sleep(0.2)
    return before == sockets.received


def measure_sends(stack: Stack, ann: Person, ben: Person, postgres: int) -> None:
    room = ann.send("the first", to=ben.id)["conversation_id"]
    chat, database, told = stack.chat.pid, postgres, stack.websocket.pid
    before = [core_seconds(pid) for pid in (chat, database, told)]
    began = time.monotonic()
    local = threading.local()

    def send(_: int) -> None:
        if not hasattr(local, "http"):
            local.http = requests.Session()
            local.http.headers["Authorization"] = f"Bearer {ann.token}"
        body = {"id": str(uuid4()), "conversation_id": room, "content": CONTENT}
        local.http.post(stack.urls["chat"] + "/chat/send", json=body, timeout=60).raise_for_status()

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, range(MESSAGES)))
    seconds = time.monotonic() - began
    charged = [core_seconds(pid) - then for pid, then in zip((chat, database, told), before, strict=True)]
    say(f"sends, {SENDERS} at once, this client on the same cores", MESSAGES / seconds, "per second")
    for name, used in zip(("chat", "PostgreSQL", "websocket"), charged, strict=True):
        say(f"sends, by what {name} was charged", MESSAGES / used if used else 0.0, "per core second")


def measure_rows(database: Database) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("vacuum")
        row = owner.execute(
            "select (select count(*) from public.messages), pg_total_relation_size('public.messages'),"
            " pg_total_relation_size('public.conversation_log')"
        ).fetchone()
    assert row is not None
    say(f"database per message of {len(CONTENT)} characters, with log and indexes", (row[1] + row[2]) / row[0], "bytes")


def say(what: str, figure: float, unit: str) -> None:
    print(f"{what:<72} {figure:>10,.1f} {unit}", file=sys.stdout, flush=True)


@contextmanager
def running_database(folder: Path) -> Iterator[tuple[Database, int]]:
    """An embedded PostgreSQL as `make run` has it, and its process."""
    cluster = Cluster(folder / "postgres", find_free_port(), secrets.token_urlsafe(16))
    with serve(cluster):
        cluster.create_database("pulse")
        migrate(cluster.url("pulse"), SERVICES_PASSWORD)
        pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        yield Database(cluster.url("pulse", APP_ROLE, SERVICES_PASSWORD), cluster.url("pulse")), pid


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_database(folder) as (database, postgres), running_stack(folder / "stack", database) as stack:
            ann, ben = stack.sign_in("ann"), stack.sign_in("ben")
            measure_sends(stack, ann, ben, postgres)
            measure_rows(database)
            sockets = measure_sockets(stack, ann)
            for events_a_post in (1, 10):
                measure_fanout(stack, ann, sockets, events_a_post)


if __name__ == "__main__":
    main()
