"""``make chaos``: two hundred people, twenty groups, ten thousand messages, and every part failing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.nemesis import Nemesis, at_random
from tests.chaos.options import Options
from tests.chaos.run import run
from tests.chaos.world import World, running_world
from tests.conftest import Database
from tests.engines import Broker

pytestmark = pytest.mark.chaos


@pytest.fixture(params=["direct", "bridge"])
def world(request: pytest.FixtureRequest, tmp_path: Path, database: Database, broker: Broker) -> Iterator[World]:
    """Chat pushes to the nodes itself and Kafka is a tap; or the bridge brings the nodes what is in the topics."""
    with running_world(tmp_path / "world", database, broker=broker, bridge=request.param == "bridge") as world:
        yield world


def test_everybody_sees_the_history_whatever_was_killed_and_frozen(world: World) -> None:
    options = Options.read()
    if world.bridge:
        options = replace(options, messages=options.messages // 4, seconds=options.seconds // 2)
    # Two things are broken at a time.
    nemesis = Nemesis(*(at_random(world.targets(), f"{options.seed}/{number}") for number in range(2)))

    asyncio.run(run(world, options, nemesis))

    assert nemesis.counts["kills"]
    assert nemesis.counts["freezes"]
