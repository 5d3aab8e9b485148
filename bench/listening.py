"""Each subject of the socket scenarios, started alike, with listeners in groups: how to have it send to them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from bench.client import Load, Request, post
from bench.cores import SERVER
from bench.events import NAME, make_event
from bench.peers.running import Peer, running_peer
from bench.people import SERVICE_TOKEN, Auth, make_people
from bench.programs import Program
from bench.pulse import running_pulse
from ops.guard import Guard


class Server(Protocol):
    """``frames(count, size)``: the CONNECTs of so many sockets, ``size`` a group."""

    port: int
    program: Program

    def frames(self, count: int, size: int) -> list[str]: ...

    def send(self, load: Load, events: int, groups: Sequence[int]) -> None:
        """Begins a window of ``load`` in which so many events go to the groups in turn, each to one."""
        ...

    def requests(self, groups: Sequence[int]) -> list[Request]:
        """By which it is told of one event for each of the groups."""
        ...


class PulseServer:
    """Its websocket service alone, on one core, told by POST /deliver, ``batch`` deliveries a request."""

    def __init__(self, auth: Auth, program: Program, port: int, batch: int) -> None:
        self.port, self.program, self._auth, self._batch = port, program, auth, batch
        self._people: list[list[UUID]] = []
        self._requests: list[Request] = []

    def frames(self, count: int, size: int) -> list[str]:
        people = make_people(count, sum(map(len, self._people)))
        self._people += [people[at : at + size] for at in range(0, count, size)]
        return [f'40{{"token":"{self._auth.token(person)}"}}' for person in people]

    def send(self, load: Load, events: int, groups: Sequence[int]) -> None:
        requests = self.requests(groups)
        total = max(1, events // self._batch)
        load.expect(total * self._batch)
        load.send(self.port, requests, total=total)

    def requests(self, groups: Sequence[int]) -> list[Request]:
        if not self._requests:
            event = {"event": NAME, "data": make_event()}
            batch = self._batch
            if len(groups) == 1:
                whole = [self._to(groups[0], [event] * batch)]
                self._requests = [post("/deliver", {"deliveries": whole}, SERVICE_TOKEN, list(groups) * batch)]
            for at in range(0, len(groups) if len(groups) > 1 else 0, batch):
                each = [self._to(group, [event]) for group in groups[at : at + batch]]
                self._requests.append(post("/deliver", {"deliveries": each}, SERVICE_TOKEN, groups[at : at + batch]))
        return self._requests

    def _to(self, group: int, events: list[dict[str, Any]]) -> dict[str, Any]:
        return {"to": [str(person) for person in self._people[group]], "events": events}


class PeerServer:
    """One that is told once how many events to emit."""

    def __init__(self, peer: Peer) -> None:
        self.port, self.program, self._peer = peer.port, peer.program, peer
        self._rooms = 0

    def frames(self, count: int, size: int) -> list[str]:
        first = self._rooms
        self._rooms += -(-count // size)
        return [f'40{{"room":"{first + n // size}"}}' for n in range(count)]

    def requests(self, groups: Sequence[int]) -> list[Request]:
        content = make_event()["message"]["content"]
        return [post("/send", {"room": str(group), "content": content}, "", [group]) for group in groups]

    def send(self, load: Load, events: int, groups: Sequence[int]) -> None:
        first = load.expect(events, len(groups))
        self._peer.emit(first, events, len(groups))


def start(name: str, folder: Path, guard: Guard, auth: Auth, stack: ExitStack, *, batch: int = 1) -> Server:
    """One of ``pulse``, ``node``, ``flask_eventlet``, ``flask_gevent``, ``bare`` on the servers' core."""
    if name == "pulse":
        pulse = stack.enter_context(running_pulse(folder / "pulse", guard, auth, ["websocket"], cores=SERVER))
        return PulseServer(auth, pulse.programs["websocket"], pulse.ports["websocket"], batch)
    return PeerServer(stack.enter_context(running_peer(name, folder, guard, SERVER)))
