"""Kills, freezes and restarts what it was given, and says what it did."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from tests.chaos.report import say
from tests.system.processes import Process

PAUSES = (0.5, 4.0)  # between two random acts
DOWN_SECONDS = (0.5, 3.0)
FROZEN_SECONDS = (5.0, 20.0)


@dataclass(frozen=True)
class Target:
    """``workers``: one of the process's children may be hit instead of all of it. ``only_freeze``: it is not killed."""

    process: Process
    workers: bool = False
    only_freeze: bool = False

    @property
    def name(self) -> str:
        return self.process.name


class Nemesis:
    """A thread for each of ``plans``, which are given the nemesis and do what they want with it."""

    def __init__(self, *plans: Callable[[Nemesis], None]) -> None:
        self.counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._held: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=[plan], name=f"nemesis-{number}")
            for number, plan in enumerate(plans)
        ]

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is broken is mended first. Raises what went wrong in its own work."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._faults:
            raise self._faults[0]

    @property
    def is_done(self) -> bool:
        """All plans came to their end."""
        return not any(thread.is_alive() for thread in self._threads)

    def pause(self, seconds: float) -> bool:
        """False when it is to stop."""
        return not self._stopping.wait(seconds)

    @contextmanager
    def whole(self, target: Target) -> Iterator[None]:
        """Waits until no other plan is at it, and keeps them away."""
        with self._held[target.name]:
            yield

    def kill(self, target: Target, seconds: float, *, a_worker: bool = False) -> None:
        """Kill -9; it is started again after so many seconds. A worker is started again by its master."""
        if a_worker and (worker := _find_worker(target)):
            self._note(f"kill -9 of a worker of {target.name}", "kills")
            _send(worker, signal.SIGKILL)
            return
        self._note(f"kill -9 of {target.name}, started again after {seconds:.1f} s", "kills")
        target.process.kill()
        self.pause(seconds)
        target.process.start()
        target.process.wait_until_ready()

    def freeze(self, target: Target, seconds: float, *, a_worker: bool = False) -> None:
        worker = _find_worker(target) if a_worker else None
        self._note(f"SIGSTOP of {'a worker of ' if worker else ''}{target.name} for {seconds:.1f} s", "freezes")
        if worker:
            _send(worker, signal.SIGSTOP)
        else:
            target.process.pause()
        self.pause(seconds)
        if worker:
            _send(worker, signal.SIGCONT)
        else:
            target.process.resume()

    def restart(self, target: Target) -> None:
        """As one who brings a new version: SIGTERM, and the next when this one is ready."""
        began = time.monotonic()
        target.process.stop()
        ended = time.monotonic()
        target.process.start()
        target.process.wait_until_ready()
        self._note(
            f"restart of {target.name}: ended in {ended - began:.1f} s, ready {time.monotonic() - ended:.1f} s later",
            "restarts",
        )

    def _run(self, plan: Callable[[Nemesis], None]) -> None:
        try:
            plan(self)
        except BaseException as fault:
            self._faults.append(fault)

    def _note(self, what: str, kind: str) -> None:
        self.counts[kind] += 1
        say(f"{time.monotonic() - self._began:7.1f} s  {what}")


def at_random(targets: Sequence[Target], seed: str) -> Callable[[Nemesis], None]:
    """One thing broken after the other, until the nemesis is stopped."""
    chance = random.Random(seed)

    def plan(nemesis: Nemesis) -> None:
        while nemesis.pause(chance.uniform(*PAUSES)):
            target = chance.choice(targets)
            a_worker = target.workers and chance.random() < 0.5
            with nemesis.whole(target):
                if chance.random() < 0.5 and not target.only_freeze:
                    nemesis.kill(target, chance.uniform(*DOWN_SECONDS), a_worker=a_worker)
                else:
                    nemesis.freeze(target, chance.uniform(*FROZEN_SECONDS), a_worker=a_worker)

    return plan


def _find_worker(target: Target) -> int | None:
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(target.process.pid).children()
        if children:
            return int(children[0].pid)
    return None


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # its master may have ended it
        os.kill(pid, number)
