"""Few searches at a time: the rest wait a moment or are told to come again."""

import threading
from contextlib import ExitStack

import pytest

from services.chat.errors import TooManySearches
from services.chat.search.room import Room


def test_as_many_as_there_is_room_for_go_on_and_the_next_is_told() -> None:
    room = Room(at_once=2, waiting=1, wait_seconds=0)
    with ExitStack() as inside:
        inside.enter_context(room.one())
        inside.enter_context(room.one())
        with pytest.raises(TooManySearches) as told, room.one():
            pass
    assert (told.value.status, told.value.code, told.value.retry_after_seconds) == (503, "busy", 1)


def test_of_two_more_one_waits_for_its_turn_and_one_is_told() -> None:
    room = Room(at_once=1, waiting=1, wait_seconds=20)
    told, went_on = threading.Event(), threading.Event()

    def search() -> None:
        try:
            with room.one():
                went_on.set()
        except TooManySearches:
            told.set()

    others = [threading.Thread(target=search) for _ in range(2)]
    with room.one():
        for other in others:
            other.start()
        assert told.wait(30)
        assert not went_on.is_set()
    for other in others:
        other.join(20)
    assert went_on.is_set()


def test_a_search_that_fails_leaves_its_room() -> None:
    room = Room(at_once=1, waiting=0, wait_seconds=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.one():
            raise ValueError("broken")
    with room.one():
        pass
