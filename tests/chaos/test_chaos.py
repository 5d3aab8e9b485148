"""``make chaos``: two hundred people, twenty groups, ten thousand messages, and every part failing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.run import run
from tests.chaos.world import World, running_world
from tests.conftest import Database
from tests.engines import Broker, OutsideBroker

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
    ours = not isinstance(world.broker, OutsideBroker)
    targets = [target for target in world.targets() if ours or target.process is not world.broker]
    nemesis = Nemesis(targets, options.seed)

    def trouble() -> Nemesis:
        nemesis.start()
        return nemesis

    asyncio.run(run(world, options, trouble, end=nemesis.stop))

    assert nemesis.counts["kills"]
    assert nemesis.counts["freezes"]
