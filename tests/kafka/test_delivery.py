"""Whole systems with Kafka: as what feeds the sockets (DELIVERY=kafka and the bridge), and as a tap that goes away."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from ops.guard import Guard
from ops.migrate import APP_ROLE
from ops.ports import find_free_port
from ops.postgres import Cluster
from tests.conftest import APP_PASSWORD, Database
from tests.engines import Broker
from tests.system.device import Device
from tests.system.http import Http
from tests.system.person import Person
from tests.system.processes import STOP_SECONDS, Process, answers, python_module
from tests.system.stack import Stack, running_stack
from tests.system.waiting import eventually

pytestmark = pytest.mark.system


@dataclass
class System:
    """A stack whose own chat is stopped; ``chat`` publishes, ``bridge`` delivers."""

    stack: Stack
    chat: Process
    bridge: Process

    def sign_in(self, name: str, chat: str = "publishing") -> Person:
        session = self.stack.sign_in(name)
        tokens = {"access_token": session.token, "refresh_token": session.refresh_token, "user": session.user}
        return Person(self.stack.http("auth"), self.stack.http(chat), self.stack.urls["websocket"], tokens)

    def delivered(self) -> float:
        """Records the bridge has delivered since it started."""
        figures = requests.get(f"{self.stack.urls['bridge']}/metrics", timeout=10).text
        lines = [line for line in figures.splitlines() if line.startswith("pulse_bridge_delivered_total ")]
        return float(lines[0].split()[1])


@pytest.fixture(scope="module")
def system(
    postgres: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory, broker: Broker, engine_guard: Guard
) -> Iterator[System]:
    name = f"kafka_{secrets.token_hex(4)}"
    postgres.create_database(name, template)
    folder = tmp_path_factory.mktemp("kafka-system")
    with running_stack(folder, Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))) as stack:
        kafka = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap}
        chat = stack.another(stack.chat, "publishing", DELIVERY="kafka", **kafka)
        port = find_free_port()
        stack.urls["bridge"] = f"http://127.0.0.1:{port}"
        environment = {
            "SERVICE_TOKEN": stack.service_token,
            "WEBSOCKET_URL": stack.urls["websocket"],
            "PORT": str(port),
            **kafka,
        }
        is_ready = answers(f"{stack.urls['bridge']}/readyz")
        command = python_module("services.chat.bridge")
        bridge = Process("bridge", command, environment, port, folder / "bridge.log", engine_guard, is_ready)
        stack.contract("chat")  # asked of it while it runs
        stack.chat.stop()
        chat.start()
        bridge.start()
        chat.wait_until_ready()
        bridge.wait_until_ready()
        yield System(stack, chat, bridge)
        bridge.kill()
        chat.stop()
    postgres.drop_database(name)


def test_people_hear_each_other_through_kafka_and_typing_directly(system: System) -> None:
    ann, ben = system.sign_in("ann"), system.sign_in("ben")
    device = ben.connect()
    before = system.delivered()
    first = ann.send("hello", to=ben.id)
    device.wait_for_message(first, within=40)
    messages = [ann.send(f"number {number}", conversation_id=first["conversation_id"]) for number in range(30)]
    for message in messages:
        device.wait_for_message(message)
    # This client hears each in a thread of its own: of two that come at once, either may be first.
    heard = sorted((data["message"] for data in device.events("message.sent")), key=lambda message: message["seq"])
    assert heard == [first, *messages] == ben.history(first["conversation_id"])
    # conversation.created and 31 messages; people who are new are in chat.users.
    assert system.delivered() >= before + 32
    eventually(lambda: system.stack.count("from outbox where seq is not null") == 0, "the outbox being done")

    ann.chat.post(f"/conversations/{first['conversation_id']}/typing", {}, status=204)
    device.wait_for("typing", user_id=ann.id)
    leave(ann, ben)


@pytest.mark.chaos
def test_a_killed_bridge_goes_on_where_it_was(system: System) -> None:
    ann, ben = system.sign_in("ann"), system.sign_in("ben")
    device = ben.connect()
    first = ann.send("hello", to=ben.id)
    device.wait_for_message(first, within=40)
    system.bridge.kill()
    messages = [ann.send(f"number {number}", conversation_id=first["conversation_id"]) for number in range(10)]
    assert device.events("message.sent", seq=messages[0]["seq"]) == []
    system.bridge.start()
    for message in messages:
        device.wait_for_message(message, within=40)
    leave(ann, ben)


def test_a_bridge_that_is_asked_to_end_commits_and_leaves(system: System) -> None:
    ann, ben = system.sign_in("ann"), system.sign_in("ben")
    device = ben.connect()
    first = ann.send("hello", to=ben.id)
    device.wait_for_message(first, within=40)
    began = time.monotonic()
    system.bridge.stop(signal.SIGTERM)
    assert time.monotonic() - began < STOP_SECONDS  # asked, not killed
    second = ann.send("are you there?", conversation_id=first["conversation_id"])
    system.bridge.start()
    system.bridge.wait_until_ready()
    device.wait_for_message(second, within=40)
    assert len(device.events("message.sent", seq=first["seq"])) == 1  # it was committed, and not read again
    leave(ann, ben)


def test_as_a_tap_a_broker_that_goes_away_is_noticed_by_nobody_but_readyz(
    system: System, own_broker: Broker, engine_guard: Guard
) -> None:
    system.chat.stop()
    tapped = system.stack.another(
        system.stack.chat, "tapped", KAFKA_BOOTSTRAP_SERVERS=own_broker.bootstrap, DELIVERY="direct"
    )
    tapped.start()
    try:
        tapped.wait_until_ready()
        ann, ben = system.sign_in("ann", "tapped"), system.sign_in("ben", "tapped")
        device = ben.connect()
        room = ann.send("hello", to=ben.id)["conversation_id"]
        readyz = Http(system.stack.urls["tapped"], system.stack.contract("tapped"))
        eventually(lambda: kafka_state(readyz) == "ok", "the broker being reached", within=40)
        up = round_trips(ann, device, room)
        own_broker.pause()
        paused = round_trips(ann, device, room)
        own_broker.resume()
        own_broker.kill()
        down = round_trips(ann, device, room)
        print(f"send to heard, median of 20: up {up:.4f} s, frozen {paused:.4f} s, down {down:.4f} s")
        assert max(paused, down) < up * 3 + 2  # who waits for a broker waits longer
        eventually(lambda: "wait" in kafka_state(readyz), "the outage being reported")
        assert len(ben.history(room)) == 61
        own_broker.up()
        eventually(lambda: system.stack.count("from kafka_outbox") == 0, "the backlog being published", within=40)
        eventually(lambda: kafka_state(readyz) == "ok", "the outage being over")
        readyz.close()
        leave(ann, ben)
    finally:
        tapped.stop()
        system.chat.start()
        system.chat.wait_until_ready()


@pytest.mark.chaos
def test_processes_of_both_ways_run_beside_each_other_and_take_over(system: System) -> None:
    """Rolling from one way to the other and back, with kills: everything is heard, whoever sent it."""
    stack = system.stack
    stack.chat.start()
    stack.chat.wait_until_ready()
    ann, ben = system.sign_in("ann"), system.sign_in("ben", "chat")
    device = ben.connect()
    room = ann.send("hello", to=ben.id)["conversation_id"]
    sent = []
    for number in range(40):
        sent.append((ann if number % 2 else ben).send(f"number {number}", conversation_id=room))
    # Killed as they have just answered: what they did not push or publish is the other's.
    sent += [ann.send(f"to be published {number}", conversation_id=room) for number in range(5)]
    system.chat.kill()
    for message in sent:
        device.wait_for_message(message, within=60)
    system.chat.start()
    system.chat.wait_until_ready()
    pushed = [ben.send(f"to be pushed {number}", conversation_id=room) for number in range(5)]
    stack.chat.kill()
    for message in pushed:
        device.wait_for_message(message, within=60)
    eventually(lambda: stack.count("from kafka_outbox") == 0, "everything being published", within=60)
    eventually(lambda: stack.count("from outbox where seq is not null") == 0, "the outbox being done", within=60)
    leave(ann, ben)


def kafka_state(readyz: Http) -> str:
    answer = readyz.request("GET", "/readyz", check=False)
    assert answer.status_code == 200
    return str(answer.json()["dependencies"]["kafka"])


def round_trips(ann: Person, device: Device, room: str) -> float:
    """Median seconds from asking to send until the other's device has heard."""
    taken = []
    for number in range(20):
        began = time.monotonic()
        device.wait_for_message(ann.send(f"number {number}", conversation_id=room))
        taken.append(time.monotonic() - began)
    return sorted(taken)[len(taken) // 2]


def leave(*people: Person) -> None:
    for person in people:
        person.leave()
