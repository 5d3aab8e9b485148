"""What chat is told about who is online."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from services.websocket.presence import OwnRoster, Presence
from shared.errors import Unavailable
from shared.service_client import ServiceRefused
from tests.websocket.clients import Client
from tests.websocket.neighbours import Neighbours
from tests.websocket.service import Service, wait_until

Connect = Callable[..., Client]


def is_online(service: Service, *user_ids: str) -> list[str]:
    found: list[str] = service.get("/online?ids=" + ",".join(user_ids)).json()["online"]
    return found


def test_two_devices_and_a_short_drop_count_once_and_a_real_leave_is_told(
    service: Service, connect: Connect, neighbours: Neighbours, ann: str, ben: str
) -> None:
    phone, laptop = (connect(neighbours.sign(ann)) for _ in range(2))
    wait_until(lambda: neighbours.presence_of(ann) == [True], what="chat hears that ann is there")
    assert is_online(service, ann, ben) == [ann]
    phone.close()
    laptop.close()
    laptop = connect(neighbours.sign(ann))
    ben_client = connect(neighbours.sign(ben))
    wait_until(lambda: neighbours.presence_of(ben) == [True])
    assert neighbours.presence_of(ann) == [True]
    laptop.close()
    ben_client.close()
    wait_until(lambda: neighbours.presence_of(ann) == [True, False], what="chat hears that ann is gone")
    wait_until(lambda: is_online(service, ann, ben) == [])


def test_nothing_is_lost_while_chat_is_away(
    make_service: Callable[..., Service], own_neighbours: Neighbours, connect: Connect, ann: str, ben: str
) -> None:
    service = make_service(own_neighbours, PRESENCE_GRACE_SECONDS="0.2", PRESENCE_GATHER_SECONDS="0.1")
    token, bens = own_neighbours.sign(ann), own_neighbours.sign(ben)
    wait_until(lambda: service.get("/readyz").status_code == 200)
    own_neighbours.away = True
    connect(token, to=service).close()
    connect(bens, to=service)
    wait_until(lambda: is_online(service, ann, ben) == [ben])
    own_neighbours.away = False
    wait_until(lambda: own_neighbours.presence_of(ben) == [True], what="the retry")
    assert own_neighbours.presence_of(ann) == [False]


@pytest.mark.parametrize("query", ["", "?ids=ann", "?ids=" + ",".join([str(UUID(int=1))] * 201)])
def test_a_question_about_nobody_is_refused(service: Service, query: str) -> None:
    assert service.get("/online" + query).status_code == 422


class Chat:
    """A port we own: what was posted, or how it refused."""

    def __init__(self) -> None:
        self.posts: list[list[dict[str, object]]] = []
        self.answer: Exception | None = None

    def post(self, path: str, body: object) -> object:
        assert path == "/internal/presence"
        assert isinstance(body, dict)
        if self.answer:
            raise self.answer
        self.posts.append(body["changes"])
        return {}

    @property
    def states(self) -> list[list[object]]:
        return [[change["online"] for change in changes] for changes in self.posts]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


ANN, BEN = uuid4(), uuid4()


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def presence(chat: Chat, clock: Clock) -> Presence:
    return Presence(chat, OwnRoster(), grace_seconds=10, gather_seconds=1, clock=clock)


def test_changes_are_gathered_into_one_post(presence: Presence, chat: Chat) -> None:
    presence.arrive(ANN)
    presence.arrive(BEN)
    presence.tell()
    presence.tell()
    assert [[change["user_id"] for change in post] for post in chat.posts] == [[str(ANN), str(BEN)]]


def test_an_absence_within_the_grace_says_nothing_and_a_longer_one_tells_when_it_began(
    presence: Presence, chat: Chat, clock: Clock
) -> None:
    presence.arrive(ANN)
    presence.tell()
    presence.leave(ANN)
    clock.now = 9.9
    presence.gather()
    presence.arrive(ANN)
    clock.now = 30
    presence.gather()
    presence.tell()
    assert chat.states == [[True]]
    presence.leave(ANN)
    clock.now = 41
    presence.gather()
    presence.tell()
    assert chat.states == [[True], [False]]


def test_while_chat_is_away_only_the_latest_state_is_kept(presence: Presence, chat: Chat, clock: Clock) -> None:
    chat.answer = Unavailable()
    presence.arrive(ANN)
    presence.arrive(BEN)
    with pytest.raises(Unavailable):
        presence.tell()
    presence.leave(ANN)
    clock.now = 11
    presence.gather()
    chat.answer = None
    presence.tell()
    assert [(change["user_id"], change["online"]) for change in chat.posts[0]] == [(str(BEN), True), (str(ANN), False)]


def test_what_chat_refuses_is_not_told_again(presence: Presence, chat: Chat) -> None:
    chat.answer = ServiceRefused(422, {"code": "malformed"})
    presence.arrive(ANN)
    presence.tell()
    chat.answer = None
    presence.tell()
    assert chat.posts == []
