"""What further nodes add: one websocket process alone against several on one Redis. `python -m bench.nodes`

Processor time is what counts on a busy machine: deliveries (an event given to one client) per second of a node's own.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import statistics
import tempfile
import threading
import time
import uuid
from pathlib import Path

from ops.guard import Guard
from tests.engines import RedisServer
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, start_nodes

CONTENT = "x" * 450  # with the rest of a message some 600 bytes


class Listeners:
    """Reads what all clients are sent, in one thread, and takes the time of each probe."""

    def __init__(self, clients: list[RawClient]) -> None:
        self.bytes = 0
        self.delays: list[float] = []
        self._ready = selectors.DefaultSelector()
        for client in clients:
            client.socket.setblocking(False)
            self._ready.register(client.socket, selectors.EVENT_READ)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            for key, _ in self._ready.select():
                data = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
                self.bytes += len(data)
                at = data.find(b'"probe":')
                if at >= 0:
                    self.delays.append(time.time() - float(data[at + 8 : data.index(b"}", at)]))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(nodes: list[Service], neighbours: Neighbours, people_count: int, events: int, probes: int) -> None:
    people = [str(uuid.uuid4()) for _ in range(people_count)]
    clients = [RawClient(nodes[n % len(nodes)], neighbours.sign(who)) for n, who in enumerate(people)]
    listeners = Listeners(clients)
    for n in range(probes):
        nodes[n % len(nodes)].deliver([people[n % people_count]], ("typing", {"probe": time.time()}))
        time.sleep(0.01)
    time.sleep(0.5)
    delays = sorted(listeners.delays)
    print(
        f"  delay: p50 {statistics.median(delays) * 1000:.1f} ms, p99 {delays[int(len(delays) * 0.99)] * 1000:.1f} ms"
    )
    batch = [{"event": "message.sent", "data": {"seq": n, "content": CONTENT}} for n in range(50)]
    size = sum(len(json.dumps([e["event"], e["data"]], separators=(",", ":"))) + 2 + 4 for e in batch)
    before, cpu, began = listeners.bytes, [cpu_seconds(node.process.pid) for node in nodes], time.monotonic()
    for n in range(events // 50):
        nodes[n % len(nodes)].post("/deliver", {"deliveries": [{"to": people, "events": batch}]})
    expected = before + size * people_count * (events // 50)
    while listeners.bytes < expected and time.monotonic() - began < 120:
        time.sleep(0.01)
    seconds = time.monotonic() - began
    used = [cpu_seconds(node.process.pid) - start for node, start in zip(nodes, cpu, strict=True)]
    written = events * people_count
    shares = ", ".join(f"{one:.2f}" for one in used)
    print(
        f"  {written} deliveries in {seconds:.2f} s ({written / seconds:.0f}/s), {listeners.bytes - expected:+d} bytes"
    )
    print(f"  processor seconds of the nodes: {shares}; {written / sum(used):.0f} deliveries per such second")
    small = [{"to": people[n : n + 2], "events": batch[:1]} for n in range(1_000)]
    cpu = [cpu_seconds(node.process.pid) for node in nodes]
    for n, one in enumerate(small):
        nodes[n % len(nodes)].post("/deliver", {"deliveries": [one]})
    time.sleep(0.5)
    used = [cpu_seconds(node.process.pid) - start for node, start in zip(nodes, cpu, strict=True)]
    print(f"  a request with one event for two people: {sum(used):.2f} ms of all nodes' processor time")
    for client in clients:
        client.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--nodes", type=int, default=3)
    words.add_argument("--people", type=int, default=150)
    words.add_argument("--events", type=int, default=2_000)
    words.add_argument("--probes", type=int, default=300)
    chosen = words.parse_args()
    counts = (chosen.people, chosen.events, chosen.probes)
    guard, neighbours = Guard(), Neighbours()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis_server = RedisServer(folder / "redis", guard)
        redis_server.up()
        alone = Service(neighbours, folder / "alone")
        nodes = start_nodes(chosen.nodes, neighbours, redis_server.url, folder)
        try:
            print("one process, without Redis")
            measure([alone], neighbours, *counts)
            print("one node, with Redis")
            measure(nodes[:1], neighbours, *counts)
            print(f"{chosen.nodes} nodes, with Redis")
            cpu = cpu_seconds(redis_server.pid)
            measure(nodes, neighbours, *counts)
            print(f"  processor seconds of Redis: {cpu_seconds(redis_server.pid) - cpu:.2f}")
            show_memory(redis_server, nodes[0])
        finally:
            for one in (alone, *nodes):
                one.close()
            neighbours.close()
            redis_server.kill()
            guard.close()


def show_memory(redis_server: RedisServer, node: Service) -> None:
    for recipients in (2, 100):
        redis_server.clear()
        time.sleep(2.5)  # until the nodes have noticed
        to = [str(uuid.uuid4()) for _ in range(recipients)]
        for n in range(1_000):
            node.deliver(to, ("message.sent", {"seq": n, "content": CONTENT}))
        with redis_server.connect() as connection:
            used = connection.memory_usage("pulse:stream", samples=0)
        print(f"Redis: 1,000 events of 500 bytes for {recipients} people each take {used} bytes")


if __name__ == "__main__":
    main()
