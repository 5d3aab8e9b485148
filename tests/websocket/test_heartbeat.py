"""The clock of all connections: each beat at its time, a crowd spread, and none lost to another's failure."""

from __future__ import annotations

from services.websocket.heartbeat import Heartbeat


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class One:
    def __init__(self, clock: Clock, *after: float | None) -> None:
        self._clock, self._after = clock, list(after)
        self.beats: list[float] = []

    def beat(self) -> float | None:
        self.beats.append(self._clock.now)
        return self._after.pop(0) if self._after else None


class Broken:
    def beat(self) -> float | None:
        raise ValueError


def run(heartbeat: Heartbeat, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        heartbeat.tick()


def test_each_beats_when_it_said_and_ends_when_it_says_nothing() -> None:
    clock = Clock()
    heartbeat, one = Heartbeat(25, clock), One(clock, 20, 5)
    heartbeat.add(one, 3)
    run(heartbeat, clock, 100)
    assert one.beats == [1_003, 1_023, 1_028]


def test_a_crowd_is_spread_over_half_of_the_interval() -> None:
    clock = Clock()
    heartbeat, crowd = Heartbeat(20, clock), [One(clock) for _ in range(100)]
    for one in crowd:
        heartbeat.add(one)
    run(heartbeat, clock, 26)
    times = [one.beats[0] for one in crowd]
    assert {times.count(when) for when in set(times)} == {10}
    assert (min(times), max(times)) == (1_010, 1_019)


def test_a_late_tick_leaves_nobody_out() -> None:
    clock = Clock()
    heartbeat, crowd = Heartbeat(25, clock), [One(clock) for _ in range(25)]
    for one in crowd:
        heartbeat.add(one)
    clock.now += 60
    heartbeat.tick()
    assert [len(one.beats) for one in crowd] == [1] * 25


def test_one_that_fails_stops_no_other() -> None:
    clock = Clock()
    heartbeat, one = Heartbeat(25, clock), One(clock)
    heartbeat.add(Broken(), 1)
    heartbeat.add(one, 1)
    run(heartbeat, clock, 2)
    assert one.beats == [1_001]
