"""Kills and freezes what it was given, at random but as the seed says, and writes down what it did."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.system.processes import Process

PAUSES = (0.5, 4.0)  # between two of its acts
DOWN_SECONDS = (0.5, 3.0)
FROZEN_SECONDS = (5.0, 20.0)


@dataclass(frozen=True)
class Target:
    """``workers``: one of the process's children may be hit instead of all of it."""

    process: Process
    workers: bool = False
    may_kill: bool = True

    @property
    def name(self) -> str:
        return self.process.name


class Nemesis:
    """Two threads, each with one thing broken at a time; ``stop`` heals all."""

    def __init__(
        self, targets: Sequence[Target], seed: int, *, at_once: int = 2, frozen: tuple[float, float] = FROZEN_SECONDS
    ) -> None:
        self.did: list[tuple[float, str]] = []
        self.counts: Counter[str] = Counter()
        self.last_killed: dict[str, float] = {}
        self._targets, self._frozen_seconds = targets, frozen
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._faults: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=[random.Random(f"{seed}/{number}")], name=f"nemesis-{number}")
            for number in range(at_once)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is broken is mended first. Raises what went wrong in its own work."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._faults:
            raise self._faults[0]

    def _run(self, chance: random.Random) -> None:
        try:
            while not self._stopping.wait(chance.uniform(*PAUSES)):
                self.act(chance)
        except BaseException as fault:
            self._faults.append(fault)

    def act(self, chance: random.Random) -> None:
        """One disturbance of something that is whole, and its mending."""
        with self._lock:
            whole = [target for target in self._targets if target.name not in self._busy]
            if not whole:
                return
            target = chance.choice(whole)
            self._busy.add(target.name)
        try:
            if target.may_kill and chance.random() < 0.5:
                self.kill(target, chance.uniform(*DOWN_SECONDS), a_worker=target.workers and chance.random() < 0.5)
            else:
                self.freeze(
                    target, chance.uniform(*self._frozen_seconds), a_worker=target.workers and chance.random() < 0.5
                )
        finally:
            with self._lock:
                self._busy.discard(target.name)

    def kill(self, target: Target, seconds: float, *, a_worker: bool = False) -> None:
        """Kill -9; it is started again after so many seconds. A worker is started again by its master."""
        if a_worker and (worker := self._find_worker(target)):
            self._note(f"kill -9 of worker {worker} of {target.name}", "kills")
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            return
        self._note(f"kill -9 of {target.name}, started again after {seconds:.1f} s", "kills")
        self.last_killed[target.name] = time.time()
        target.process.kill()
        self._stopping.wait(seconds)
        target.process.start()
        target.process.wait_until_ready()

    def freeze(self, target: Target, seconds: float, *, a_worker: bool = False) -> None:
        worker = self._find_worker(target) if a_worker else None
        self._note(f"SIGSTOP of {f'worker {worker} of ' if worker else ''}{target.name} for {seconds:.1f} s", "freezes")
        if worker:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGSTOP)
        else:
            target.process.pause()
        self._stopping.wait(seconds)
        if worker:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
        else:
            target.process.resume()

    def _find_worker(self, target: Target) -> int | None:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(target.process.pid).children()
            if children:
                return int(children[0].pid)
        return None

    def _note(self, what: str, kind: str) -> None:
        self.counts[kind] += 1
        self.did.append((time.monotonic() - self._began, what))
