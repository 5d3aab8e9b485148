"""One stack for the suite: tests that break a part of it get it back whole."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from tests.conftest import APP_PASSWORD, Database
from tests.system.person import Person
from tests.system.stack import Stack, running_stack

STACKS = pytest.StashKey[list[Stack]]()


@dataclass(frozen=True)
class Room:
    """ann and ben share a direct conversation that ann opened with one message; cho is outside."""

    stack: Stack
    ann: Person
    ben: Person
    cho: Person
    id: str
    first: dict[str, Any]


@pytest.fixture(scope="session")
def shared_stack(
    postgres: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Stack]:
    name = f"system_{secrets.token_hex(4)}"
    postgres.create_database(name, template)
    database = Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    with running_stack(tmp_path_factory.mktemp("stack"), database) as stack:
        pytestconfig.stash[STACKS] = [stack]
        yield stack
    postgres.drop_database(name)


@pytest.fixture
def stack(shared_stack: Stack) -> Iterator[Stack]:
    yield shared_stack
    shared_stack.part()


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
        for stack in item.config.stash.get(STACKS, []):
            for process in stack.processes:
                report.sections.append((f"log of {process.name}", process.tail()))
    return report
