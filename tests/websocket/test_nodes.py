"""Several nodes on one Redis: whichever is asked, every client of every node hears it once and in order."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest
import requests

from tests.engines import RedisServer
from tests.websocket.clients import Client, RawClient
from tests.websocket.neighbours import SERVICE_TOKEN, Neighbours
from tests.websocket.service import Service, wait_until
from tests.websocket.test_process import start

Connect = Callable[..., Client]
ConnectRaw = Callable[..., RawClient]
SIGNED_OUT = {"reason": "signed_out", "reconnect": False}


def hear(client: RawClient, until: str) -> list[tuple[str, dict[str, object]]]:
    """Everything it is told before the event ``until``."""
    heard: list[tuple[str, dict[str, object]]] = []
    while True:
        payload = client.read()[1]
        if payload.startswith(b"42"):
            event, data = json.loads(payload[2:])
            if event == until:
                return heard
            heard.append((event, data))


def test_every_node_tells_its_clients_and_outsiders_hear_nothing(
    nodes: list[Service], connect: Connect, neighbours: Neighbours, ann: str, ben: str, cho: str
) -> None:
    anns = [connect(neighbours.sign(ann), to=node) for node in nodes]
    bens, chos = (connect(neighbours.sign(who), to=nodes[1]) for who in (ben, cho))
    for asked in nodes:
        assert asked.deliver([ann, ben], ("typing", {"text": "žluťoučký 🐎", "asked": asked.port})) == 1
    nodes[0].deliver([cho], ("user.changed", {}))
    chos.wait_for("user.changed")
    for client in (*anns, bens):
        heard = client.wait_for("typing", 3)
        assert sorted(data["asked"] for data in heard) == sorted(node.port for node in nodes)
    assert chos.of("typing") == []


def test_all_clients_hear_one_order_without_repetition_whichever_nodes_are_asked(
    nodes: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str
) -> None:
    clients = [connect_raw(neighbours.sign(ann), to=node) for node in nodes]
    for n in range(60):
        nodes[n % 3].deliver([ann], *(("read", {"n": n * 5 + k, "filler": "x" * (n * 97)}) for k in range(5)))
    nodes[0].deliver([ann], ("user.changed", {}))
    for client in clients:
        assert [data["n"] for _, data in hear(client, "user.changed")] == list(range(300))


def test_every_node_writes_the_same_bytes(
    nodes: list[Service], connect_raw: ConnectRaw, connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    clients = [connect_raw(neighbours.sign(ann), to=node) for node in nodes]
    polling = connect(neighbours.sign(ann), to=nodes[2], transports=["polling"])
    for size in (0, 40, 200, 70_000):
        data = {"until": 1.5, "text": "ž" * size, "nested": {"b": [None, True]}}
        nodes[0].deliver([ann], ("typing", data))
        frames = [client.read() for client in clients]
        assert frames[0] == frames[1] == frames[2]
        assert json.loads(frames[0][1][2:]) == ["typing", data]
    assert len(polling.wait_for("typing", 4)) == 4


def test_a_request_of_many_megabytes_reaches_every_node(
    nodes: list[Service], connect_raw: ConnectRaw, neighbours: Neighbours, ann: str, ben: str
) -> None:
    events = [{"event": "message.sent", "data": {"n": n, "x": "x" * 150_000}} for n in range(8)]
    crowd = [str(uuid.uuid4()) for _ in range(5_000)]
    clients = [connect_raw(neighbours.sign(who), to=node) for who, node in ((ann, nodes[0]), (ben, nodes[2]))]
    deliveries = [{"to": [ann], "events": events}, {"to": [*crowd, ben], "events": events}] * 2
    answer = nodes[1].post("/deliver", {"deliveries": deliveries})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 32})
    nodes[1].deliver([ann, ben], ("user.changed", {}))
    for client in clients:
        assert [data["n"] for _, data in hear(client, "user.changed")] == list(range(8)) * 2


def test_what_is_malformed_reaches_nobody_on_any_node(
    nodes: list[Service], connect: Connect, neighbours: Neighbours, ann: str
) -> None:
    client = connect(neighbours.sign(ann), to=nodes[1])
    good, bad = ({"to": [ann], "events": [{"event": name, "data": {}}]} for name in ("typing", "session.ended"))
    assert nodes[0].post("/deliver", {"deliveries": [good, bad]}).status_code == 422
    nodes[0].deliver([ann], ("user.changed", {}))
    client.wait_for("user.changed")
    assert client.of("typing") == []


@pytest.mark.parametrize("whom", ["session_id", "user_id"])
def test_a_disconnect_ends_the_session_on_every_node_and_no_other(
    nodes: list[Service], connect: Connect, neighbours: Neighbours, ann: str, ben: str, whom: str
) -> None:
    session_id = str(uuid.uuid4())
    gone = [connect(neighbours.sign(ann, session_id=session_id), to=node) for node in nodes]
    stays = connect(neighbours.sign(ben), to=nodes[1])
    began = time.monotonic()
    answer = nodes[0].post("/disconnect", {whom: session_id if whom == "session_id" else ann})
    assert (answer.status_code, answer.json()) == (202, {"disconnected": 1})
    for client in gone:
        assert client.wait_for("session.ended") == [SIGNED_OUT]
    assert time.monotonic() - began < 15  # 2 s are promised; the rest is for a busy machine
    nodes[0].deliver([ben], ("user.changed", {}))
    stays.wait_for("user.changed")
    assert stays.of("session.ended") == []


def test_a_poll_that_lands_on_another_node_is_refused_cleanly_and_the_client_starts_anew(
    nodes: list[Service], neighbours: Neighbours, ann: str
) -> None:
    poll = "/socket.io/?EIO=4&transport=polling"
    opened = requests.get(nodes[0].url + poll, timeout=10).text
    session_id = json.loads(opened[1:])["sid"]
    session = f"&sid={session_id}"
    for method in ("GET", "POST"):
        lost = requests.request(method, nodes[1].url + poll + session, data="40", timeout=10)
        assert (lost.status_code, lost.text) == (400, f'"Invalid session {session_id}"')
    assert requests.post(nodes[0].url + poll + session, data="3", timeout=10).ok  # where it belongs nothing has changed
    assert requests.get(nodes[1].url + poll, timeout=10).text.startswith("0{")


def test_a_node_shows_its_state_and_what_it_has_read(nodes: list[Service], nodes_redis: RedisServer) -> None:
    before = [node.metric("pulse_stream_entries_read_total") for node in nodes]
    nodes[0].deliver([str(uuid.uuid4())], ("typing", {}))
    for node, count in zip(nodes, before, strict=True):
        wait_until(lambda node=node, count=count: node.metric("pulse_stream_entries_read_total") > count)  # type: ignore[misc]
        assert node.get("/readyz").json()["dependencies"]["redis"] == "ok"
        assert node.metric("pulse_stream_up") == 1
    assert nodes[0].metric("pulse_stream_append_seconds_count") >= 1


@pytest.mark.parametrize("password", ["not-the-password", None])
def test_a_wrong_password_is_one_clear_line_without_any_password(
    nodes_redis: RedisServer, password: str | None, free_port: int
) -> None:
    login = f":{nodes_redis.password}@"
    url = nodes_redis.url.replace(login, f":{password}@" if password else "")
    ended = start(SERVICE_TOKEN=SERVICE_TOKEN, PORT=str(free_port), REDIS_URL=url)
    assert (ended.returncode, ended.stderr) == (1, "websocket: REDIS_URL: Redis refuses its user or password\n")
    assert "password" not in ended.stdout


def test_a_redis_that_answers_otherwise_is_named_at_the_start(
    neighbours: Neighbours, nodes_redis: RedisServer, free_port: int
) -> None:
    with nodes_redis.connect() as redis:
        redis.acl_setuser("weak", enabled=True, passwords="+weak", commands=["+ping"])
        ended = start(
            SERVICE_TOKEN=SERVICE_TOKEN,
            PORT=str(free_port),
            REDIS_URL=f"redis://weak:weak@127.0.0.1:{nodes_redis.port}",
        )
        redis.acl_deluser("weak")
    assert ended.returncode == 1
    assert ended.stderr.startswith("websocket: REDIS_URL: Redis answers: ")
    assert "permission" in ended.stderr
