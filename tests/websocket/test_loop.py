"""The loop all websockets share: whoever fails or has much to say costs nobody else."""

from __future__ import annotations

import errno
import gc
import socket
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from engineio.packet import Packet
from flask import Flask

from services.websocket import green
from services.websocket.broadcast import OnlyHere
from services.websocket.carrier import Site, Websocket
from services.websocket.connections import Connections
from services.websocket.door import Door
from services.websocket.frames import Frame
from services.websocket.heartbeat import Heartbeat
from services.websocket.outbox import Limits, Outbox
from services.websocket.short_road import Asked, DeliverRoad
from services.websocket.transport import Transport
from services.websocket.watch import READ, Watch, rest
from shared.caller import Caller, Identity
from tests.websocket.frames import frame

Pair = tuple[socket.socket, socket.socket]


def in_a_loop(work: Callable[[], None]) -> None:
    """In a thread of its own: each has its own loop, which ends with it."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(30)


def turn_until(condition: Callable[[], Any]) -> None:
    for _ in range(1_000):
        if condition():
            return
        green.sleep(0.01)
    raise AssertionError("it never came")


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made = [socket.socketpair() for _ in range(2)]
    for ours, _ in made:
        ours.setblocking(False)
    yield made
    for pair in made:
        for one in pair:
            one.close()


class Client:
    """What a websocket asks of engineio's socket."""

    connected = upgrading = upgraded = closed = closing = False

    def __init__(self, heard: list[Any]) -> None:
        self.queue, self._heard = Outbox(Limits(100, 100_000)), heard

    def receive(self, packet: Packet) -> None:
        self._heard.append((self, packet.data))

    def close(self, **_: Any) -> None:
        self.closed = True


def test_one_that_fails_loses_its_own_socket_and_no_other(pairs: list[Pair]) -> None:
    heard: list[bytes] = []
    fails: list[int] = []
    (broken, to_broken), (sound, to_sound) = pairs

    def fail(events: int) -> None:
        fails.append(events)
        raise KeyError

    def work() -> None:
        watch = Watch()
        watch.add(broken, fail)
        watch.add(sound, lambda _: heard.append(sound.recv(10)))
        to_broken.send(b"x")
        turn_until(lambda: fails)
        for said in (b"1", b"2"):
            to_sound.send(said)
            turn_until(lambda said=said: said in heard)  # type: ignore[misc]

    in_a_loop(work)
    assert (heard, len(fails)) == ([b"1", b"2"], 1)


def test_while_one_callback_rests_the_others_get_their_turns(pairs: list[Pair]) -> None:
    heard: list[str] = []
    (busy, to_busy), (other, to_other) = pairs

    def write_much(_: int) -> None:
        busy.recv(10)
        to_other.send(b"x")
        for _ in range(500):
            rest()
            if heard:
                break
        heard.append("busy")

    def hear(_: int) -> None:
        other.recv(10)
        heard.append("other")

    def work() -> None:
        watch = Watch()
        watch.add(busy, write_much)
        watch.add(other, hear)
        for _ in range(3):
            to_busy.send(b"x")
            turn_until(lambda: "busy" in heard)
            assert heard == ["other", "busy"]
            heard.clear()

    in_a_loop(work)


def test_silence_at_the_door_ends_when_it_always_did() -> None:
    given: list[socket.socket] = []
    wire = b"POST /deliver HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
    whole = wire + b"Authorization: Bearer ours\r\n\r\n"

    def work() -> None:
        listening = green.listen("127.0.0.1", 0, 5)
        place = listening.getsockname()
        watch = Watch()
        road = DeliverRoad(Identity(NobodysTokens(), (), "ours"), OnlyHere(Connections(), SimpleNamespace()))  # type: ignore[arg-type]
        door = Door(listening, watch, road, SimpleNamespace(beginning=b"GET"))  # type: ignore[arg-type]
        door.open(lambda connection, *_: given.append(connection))
        silent, half = (green.plain_sockets.create_connection(place) for _ in range(2))
        half.send(whole)
        turn_until(lambda: len(door.visits) == 2 and any(visit.until - time.monotonic() < 61 for visit in door.visits))
        now = time.monotonic()
        for seconds, left in ((50, 2), (62, 1), (74, 1), (76, 0)):
            door.end_silent(now + seconds)
            assert len(door.visits) == left
        door.stop()
        for made in (silent, half):
            assert made.recv(1) == b""
            made.close()
        listening.close()

    in_a_loop(work)
    assert given == []


def test_two_looks_at_the_queue_that_find_no_descriptor_left_end_neither_the_door_nor_its_watching() -> None:
    def work() -> None:
        listening = green.listen("127.0.0.1", 0, 5)
        failures = [OSError(errno.EMFILE, "too many")] * 2

        def accept() -> tuple[socket.socket, Any]:
            if failures:
                raise failures.pop()
            return listening.accept()

        queue = SimpleNamespace(fileno=listening.fileno, shutdown=listening.shutdown, accept=accept)
        door = Door(queue, Watch(), SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
        door.open(lambda *_: None)
        for _ in range(2):  # the second begins where the first one rests
            door._accept(READ)
        with green.plain_sockets.create_connection(listening.getsockname()):
            turn_until(lambda: door.visits)
        door.stop()
        listening.close()

    in_a_loop(work)


def test_a_delivery_that_waits_keeps_nobody_else_from_being_heard_however_it_came(pairs: list[Pair]) -> None:
    bell = green.Bell()
    heard: list[bytes] = []

    def answer(_: Asked, body: bytes) -> bytes:
        heard.append(body)
        if len(heard) == 2:
            bell.ring()
        else:
            bell.wait()
        return b"done"

    def work() -> None:
        measure = lambda _: Asked(4, 8, "")  # noqa: E731
        road = SimpleNamespace(waits=True, beginning=b"POST", measure=measure, answer=answer)
        door = Door(pairs[0][0], Watch(), road, SimpleNamespace(beginning=b"GET"))  # type: ignore[arg-type]
        for n, (ours, theirs) in enumerate(pairs):
            theirs.send(b"POST")
            door.take_back(ours, None, b"")
            theirs.send(b"his%d" % n)
            turn_until(lambda n=n: len(heard) > n)  # type: ignore[misc]
        turn_until(lambda: not any(visit.busy for visit in door.visits))
        assert [theirs.recv(10) for _, theirs in pairs] == [b"done", b"done"]

    in_a_loop(work)
    assert heard == [b"his0", b"his1"]


class NobodysTokens:
    def verify(self, token: str) -> Caller:  # noqa: ARG002 - the protocol has it
        raise AssertionError

    verify_at_once = verify


def test_of_two_who_say_much_at_once_each_gets_turns(pairs: list[Pair]) -> None:
    heard: list[Any] = []
    clients = [Client(heard) for _ in pairs]

    def work() -> None:
        engine = SimpleNamespace(ping_interval=25, ping_timeout=20, reason=SimpleNamespace())
        site = Site(engine, Heartbeat(25), 65_536, Watch())
        for client, (ours, theirs) in zip(clients, pairs, strict=True):
            theirs.send(b"".join(frame(b"4%d" % n) for n in range(50)))
            Websocket(site, client, ours).open(b"hello")
        turn_until(lambda: len(heard) == 100)

    in_a_loop(work)
    for one in clients:
        assert [said for who, said in heard if who is one] == [str(n) for n in range(50)]
    assert {who for who, _ in heard[:10]} == set(clients)


def carry(pair: Pair) -> tuple[Websocket, Client]:
    reason = SimpleNamespace(TRANSPORT_CLOSE="gone")
    engine = SimpleNamespace(ping_interval=25, ping_timeout=20, reason=reason)
    nobodys = SimpleNamespace(add=lambda *_: None)
    made = Client([])
    carried = Websocket(Site(engine, nobodys, 65_536, Watch()), made, pair[0])  # type: ignore[arg-type]
    carried.open(b"hello")
    return carried, made


def test_who_hangs_up_is_counted_out_in_the_turn_in_which_that_is_heard(pairs: list[Pair]) -> None:
    def work() -> None:
        for pair in pairs:
            carried, client = carry(pair)
            assert not client.closed
            pair[1].close()
            carried.ready(READ)
            assert client.closed

    in_a_loop(work)


def test_who_turns_out_to_be_gone_while_it_is_written_to_is_counted_out_when_that_is_done(pairs: list[Pair]) -> None:
    def work() -> None:
        for pair in pairs:
            _, client = carry(pair)
            pair[1].close()
            client.queue.offer(Frame("42[]"))
            assert not client.closed
            turn_until(lambda client=client: client.closed)  # type: ignore[misc]

    in_a_loop(work)


def test_who_hung_up_is_no_garbage_that_must_be_looked_for(pairs: list[Pair]) -> None:
    def work() -> None:
        gc.disable()
        try:
            carried, client = carry(pairs[0])
            left = weakref.ref(client)
            del client
            assert left() is not None
            pairs[0][1].close()
            carried.ready(READ)
            del carried
            assert left() is None
        finally:
            gc.enable()

    in_a_loop(work)


def test_a_token_that_is_not_taken_at_once_is_looked_at_once_only_and_what_comes_behind_it_goes_its_way(
    pairs: list[Pair],
) -> None:
    heard: list[Any] = []
    looked_at: list[str] = []
    client, (ours, theirs) = Client(heard), pairs[0]

    def refuse(_: Any, packet: str) -> bool:
        looked_at.append(packet)
        return False

    def work() -> None:
        engine = SimpleNamespace(ping_interval=25, ping_timeout=20, reason=SimpleNamespace())
        site = Site(engine, Heartbeat(25), 65_536, Watch())
        site.sign_in = refuse
        theirs.send(b"".join(frame(b"40{%d}" % n) for n in range(3)))
        Websocket(site, client, ours).open(b"hello")
        turn_until(lambda: len(heard) == 3)

    in_a_loop(work)
    assert looked_at == ["40{0}"]


def test_one_that_polls_and_fails_keeps_no_other_from_being_looked_at() -> None:
    looked_at = []

    def fail() -> None:
        raise ValueError

    def look() -> None:
        looked_at.append(1)

    polling = {"closed": False, "closing": False, "upgraded": False}
    sockets = {
        "broken": SimpleNamespace(check_ping_timeout=fail, **polling),
        "sound": SimpleNamespace(check_ping_timeout=look, **polling),
        "gone": SimpleNamespace(closed=True),
    }
    engine = SimpleNamespace(ping_interval=25, max_http_buffer_size=1, sockets=sockets)
    Transport(SimpleNamespace(eio=engine), Limits(1, 1), 1, Flask("x"))._sweep()
    assert looked_at == [1]
    assert list(sockets) == ["broken", "sound"]
