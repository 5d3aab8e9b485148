"""The process: its start with wrong settings or a taken port, its end, and its sudden death."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

from tests.websocket.clients import Client, RawClient
from tests.websocket.frames import frame
from tests.websocket.neighbours import SERVICE_TOKEN, Neighbours
from tests.websocket.service import ROOT, Service, wait_until

Connect = Callable[..., Client]


def start(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.websocket"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_everything_wrong_with_the_settings_is_said_at_once() -> None:
    ended = start(PORT="seventy", CHAT_URL="ftp://chat", PRESENCE_GRACE_SECONDS="-1", OUTBOX_EVENTS="1")
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 5
    for name in ("SERVICE_TOKEN", "PORT", "CHAT_URL", "PRESENCE_GRACE_SECONDS", "OUTBOX_EVENTS"):
        assert any(line.startswith(f"websocket: {name}") for line in lines)


def test_a_timeout_of_pings_beyond_their_interval_is_refused_also_when_it_is_the_default() -> None:
    for given in ({"PING_INTERVAL_SECONDS": "10"}, {"PING_INTERVAL_SECONDS": "30", "PING_TIMEOUT_SECONDS": "31"}):
        ended = start(SERVICE_TOKEN=SERVICE_TOKEN, **given)
        assert ended.returncode == 2
        assert ended.stderr.startswith("websocket: PING_TIMEOUT_SECONDS: ")
        assert "must not exceed PING_INTERVAL_SECONDS" in ended.stderr


def test_a_taken_port_is_one_clear_line(service: Service) -> None:
    ended = start(PORT=str(service.port), SERVICE_TOKEN=SERVICE_TOKEN)
    assert ended.returncode == 1
    assert ended.stderr == f"websocket: can't listen on 127.0.0.1:{service.port}: Address already in use\n"


def test_told_to_stop_it_says_so_to_everyone_and_ends_well(
    make_service: Callable[..., Service],
    connect: Connect,
    connect_raw: Callable[..., RawClient],
    neighbours: Neighbours,
    ann: str,
) -> None:
    service = make_service()
    clients = [connect(neighbours.sign(ann), to=service, transports=[t]) for t in ("websocket", "polling")]
    raw = connect_raw(neighbours.sign(ann), to=service)
    stranger = connect_raw(to=service)
    assert service.terminate() == 0
    for client in clients:
        assert client.wait_for("session.ended") == [{"reason": "shutting_down", "reconnect": True}]
    assert raw.read_all()[0] == b'42["session.ended",{"reason":"shutting_down","reconnect":true}]'
    stranger.read_all()
    assert not [line for line in service.log() if line["level"] in ("error", "critical")]


def test_who_signs_in_while_it_stops_is_told_so_too(
    make_service: Callable[..., Service], connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    slow = connect_raw(neighbours.sign(ann), to=service, buffer_bytes=4_096)  # its last words are waited for
    service.deliver([ann], *(("read", {"x": "x" * 10_000}) for _ in range(300)))
    assert service.metric("pulse_socket_waiting_events") > 0
    late = [(connect_raw(to=service), f'40{{"token":"{neighbours.sign(ann)}"}}') for _ in range(10)]
    service.process.terminate()
    wait_until(lambda: "stopping" in [line["event"] for line in service.log()])
    for client, connect in late:
        client.write(connect)
    heard = [client.read_all() for client, _ in late]
    assert service.process.wait(15) == 0
    slow.close()
    let_in = [said for said in heard if said[:1] and said[0].startswith(b'40{"sid":')]
    assert let_in  # all, where they come within the 2 s that the slow one is waited for
    assert {said[1] for said in let_in} == {b'42["session.ended",{"reason":"shutting_down","reconnect":true}]'}


def test_clients_come_back_by_themselves_after_a_stop_and_after_a_kill(
    make_service: Callable[..., Service], connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    service = make_service()
    clients = [
        connect(neighbours.sign(ann), to=service, transports=transports, reconnect=True)
        for transports in (["websocket"], ["polling"], ["polling", "websocket"])
    ]
    service.terminate()
    service.start()
    wait_until(lambda: [client.connects for client in clients] == [2, 2, 2], what="back after a stop")
    service.kill()
    service.start()
    wait_until(lambda: [client.connects for client in clients] == [3, 3, 3], what="back after a kill")

    def all_hear() -> bool:  # on a busy machine one may find its connection too slow, and come back once more
        service.deliver([ann], ("resync", {}))
        return all(client.of("resync") for client in clients)

    wait_until(all_hear, what="everybody hears")


def test_tokens_never_reach_the_log(
    make_service: Callable[..., Service],
    connect: Connect,
    connect_raw: Callable[..., RawClient],
    neighbours: Neighbours,
    ann: str,
) -> None:
    service = make_service(LOG_LEVEL="debug")
    token = neighbours.sign(ann)
    connect(token, to=service).io.call("authenticate", {"token": token + "x"}, timeout=10)
    for packet in (f'40{{"token":"{token}x"}}', f'42["{token}"', f"4{token}", token, f'40{{"token":"{token}'):
        connect_raw(to=service).write(packet)
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as made:  # without a handshake
        made.sendall(frame(f'40{{"token":"{token}"}}'.encode(), key=bytes(4)) + b"\r\n\r\n")
        assert b"400" in made.makefile("rb").read()
    wait_until(lambda: service.metric("pulse_socket_refused_total") >= 2)
    service.terminate()
    written = "\n".join(str(line) for line in service.log())
    assert "connected" in written
    assert token[:40] not in written
    assert "eyJ" not in written
