"""One stack in each mode for the suite: tests that break a part of it get it back whole."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.person import Person
from tests.system.stack import Stack
from tests.system.stacks import MODES, STACKS, USUAL_MODES, Stacks

EMBEDDED_ONLY = pytest.mark.parametrize("stack", ["embedded"], indirect=True)
"""For what has nothing to do with the mode, and takes long."""
EMBEDDED_USUALLY = pytest.mark.parametrize("stack", USUAL_MODES, indirect=True)
"""For what should not differ."""


@dataclass(frozen=True)
class Room:
    """ann and ben share a direct conversation that ann opened with one message; cho is outside."""

    stack: Stack
    ann: Person
    ben: Person
    cho: Person
    id: str
    first: dict[str, Any]


@pytest.fixture(params=MODES)
def stack(request: pytest.FixtureRequest, stacks: Stacks) -> Iterator[Stack]:
    """Every test runs in both modes, but those that say otherwise with ``EMBEDDED_ONLY``."""
    stack = stacks.get(request.param)
    yield stack
    stack.part()


@pytest.fixture
def ann(stack: Stack) -> Person:
    return stack.sign_in("ann")


@pytest.fixture
def ben(stack: Stack) -> Person:
    return stack.sign_in("ben")


@pytest.fixture
def cho(stack: Stack) -> Person:
    return stack.sign_in("cho")


@pytest.fixture
def room(stack: Stack, ann: Person, ben: Person, cho: Person) -> Room:
    first = ann.send("hello ben", to=ben.id)
    return Room(stack, ann, ben, cho, first["conversation_id"], first)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        stacks = item.config.stash.get(STACKS, None)
        for stack in stacks.started.values() if stacks else ():
            for process in stack.processes:
                report.sections.append((f"log of {process.name} ({stack.backing.mode})", process.tail()))
    return report
