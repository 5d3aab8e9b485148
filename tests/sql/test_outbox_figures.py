"""The outbox's figures at ``/metrics``: they tell most while nothing can be delivered."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from ops.ports import find_free_port
from services.chat.relay.pusher import Pusher
from services.chat.relay.sweeper import Sweeper
from shared.errors import Unavailable
from shared.service_client import ServiceClient
from tests.people import item
from tests.sql.conftest import Room
from tests.sql.test_outbox import make_overdue
from tests.standins.answering import serving
from tests.unit.test_pusher import ACCEPTED


def find_waiting() -> float | None:
    return REGISTRY.get_sample_value("pulse_outbox_waiting")


def send(room: Room, owner_url: str) -> None:
    room.database.call("send_messages", messages=[item(room.ann, room.id)])
    make_overdue(owner_url)


@pytest.mark.parametrize("database_port", ["psycopg"], indirect=True)
def test_what_waits_is_counted_while_it_can_not_be_delivered(room: Room, owner_url: str) -> None:
    send(room, owner_url)
    nobody = ServiceClient(f"http://127.0.0.1:{find_free_port()}", "token")
    with pytest.raises(Unavailable):
        Sweeper(room.database, Pusher(nobody, room.database)).turn()
    assert find_waiting() == 2  # of the conversation and of its message


@pytest.mark.parametrize("database_port", ["psycopg"], indirect=True)
def test_what_was_delivered_waits_no_more(room: Room, owner_url: str) -> None:
    send(room, owner_url)
    with serving([ACCEPTED]) as other:
        pusher = Pusher(ServiceClient(other.url, "token"), room.database)
        assert Sweeper(room.database, pusher).turn()
    assert find_waiting() == 0
