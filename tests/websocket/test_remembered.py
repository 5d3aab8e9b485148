"""Large groups are remembered within a bound, and never longer than they are right."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from services.websocket.remembered import Remembered
from tests.websocket.clients import RawClient
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until


def test_what_is_remembered_is_bounded_in_sum() -> None:
    remembered: Remembered[int, int] = Remembered(10)
    for key in range(3):
        remembered.keep(key, key, 4)
    assert [remembered.find(key) for key in range(3)] == [None, None, 2]
    remembered.keep(3, 3, 6)
    assert [remembered.find(key) for key in range(4)] == [None, None, 2, 3]


def test_what_is_too_large_is_not_remembered_and_displaces_nothing() -> None:
    remembered: Remembered[int, int] = Remembered(10)
    remembered.keep(1, 1, 10)
    remembered.keep(2, 2, 11)
    assert (remembered.find(1), remembered.find(2)) == (1, None)


def test_what_is_forgotten_weighs_nothing() -> None:
    remembered: Remembered[int, int] = Remembered(10)
    remembered.keep(1, 1, 10)
    remembered.forget()
    assert remembered.find(1) is None
    remembered.keep(2, 2, 4)
    remembered.keep(3, 3, 6)
    assert (remembered.find(2), remembered.find(3)) == (2, 3)


def test_who_comes_to_a_remembered_group_hears_and_who_left_does_not(
    service: Service, connect_raw: Callable[..., RawClient], neighbours: Neighbours, ann: str, ben: str
) -> None:
    group = [ann, ben, *(str(uuid.uuid4()) for _ in range(40))]
    said: list[int] = []

    def say_to(*clients: RawClient) -> None:
        said.append(len(said))
        service.deliver(group, ("read", {"n": said[-1]}))
        for client in clients:
            assert json.loads(client.read()[1][2:]) == ["read", {"n": said[-1]}]

    anns = connect_raw(neighbours.sign(ann))
    say_to(anns)
    bens = connect_raw(neighbours.sign(ben))
    say_to(anns, bens)
    say_to(bens, anns)
    second = connect_raw(neighbours.sign(ann))
    say_to(anns, bens, second)
    bens.close()
    wait_until(lambda: service.get(f"/online?ids={ben}").json() == {"online": []}, what="ben counts as gone")
    written = service.metric("pulse_socket_events_written_total")
    say_to(anns, second)
    assert service.metric("pulse_socket_events_written_total") - written == 2
