"""Who is online is told to peers, once however many devices come and go."""

from __future__ import annotations

import pytest

from tests.system.conftest import EMBEDDED_USUALLY, Room
from tests.system.device import Device
from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.waiting import eventually

pytestmark = [pytest.mark.system, EMBEDDED_USUALLY]


@pytest.fixture
def dan(stack: Stack, ann: Person, cho: Person) -> Person:
    """Knows ann and cho: what comes and goes after ben tells that all of ben's has been told."""
    dan = stack.sign_in("dan")
    dan.send("hello ann", to=ann.id)
    dan.send("hello cho", to=cho.id)
    return dan


def changes_of(person: Person, *heard_by: Device) -> list[list[bool]]:
    return [[told["online"] for told in device.events("presence", user_id=person.id)] for device in heard_by]


def test_peers_hear_once_that_somebody_came_and_went(room: Room, dan: Person) -> None:
    anns, chos = room.ann.connect(), room.cho.connect()
    phone, laptop = room.ben.connect(), room.ben.connect()

    anns.wait_for("presence", user_id=room.ben.id, online=True)
    phone.close()
    marker = dan.connect()
    for device in (anns, chos):
        device.wait_for("presence", user_id=dan.id, online=True)
    assert changes_of(room.ben, anns, chos) == [[True], []]

    laptop.close()
    gone = anns.wait_for("presence", user_id=room.ben.id, online=False)
    marker.close()
    for device in (anns, chos):
        device.wait_for("presence", user_id=dan.id, online=False)
    assert changes_of(room.ben, anns, chos) == [[True, False], []]
    assert gone["last_seen"] is not None


def test_a_short_drop_is_not_told(room: Room, dan: Person) -> None:
    anns, first = room.ann.connect(), room.ben.connect()
    anns.wait_for("presence", user_id=room.ben.id, online=True)

    first.close()
    room.ben.connect()
    dan.connect().close()
    anns.wait_for("presence", user_id=dan.id, online=False)

    assert changes_of(room.ben, anns) == [[True]]


def test_presence_can_be_asked_for_by_peers_only(room: Room) -> None:
    def ask(person: Person) -> list[dict[str, object]]:
        listed: list[dict[str, object]] = person.chat.get("/presence", ids=f"{room.ben.id},{room.cho.id}")["presence"]
        return listed

    assert [(row["user_id"], row["online"]) for row in ask(room.ann)] == [(room.ben.id, False)]
    room.ben.connect()

    eventually(lambda: ask(room.ann)[0]["online"], "ben being online")
    eventually(lambda: ask(room.ann)[0]["last_seen"], "ben having been seen")
    assert ask(room.stack.sign_in("eve")) == []
