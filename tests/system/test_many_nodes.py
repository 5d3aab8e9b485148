"""Three websocket nodes, two chat services, Redis and Kafka: parts fail or are replaced, and nobody misses anything.

The same as `make chaos`, which takes minutes, with fewer people and without chance.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ops.migrate import APP_ROLE
from ops.postgres import Cluster
from tests.chaos.nemesis import Nemesis
from tests.chaos.options import Options
from tests.chaos.run import run
from tests.chaos.world import World, running_world
from tests.conftest import APP_PASSWORD, Database
from tests.engines import Broker

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def world(
    postgres: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory, broker: Broker
) -> Iterator[World]:
    name = f"many_{secrets.token_hex(4)}"
    postgres.create_database(name, template)
    database = Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    with running_world(tmp_path_factory.mktemp("many"), database, broker=broker) as world:
        yield world
    postgres.drop_database(name)


def run_through(world: World, options: Options, nemesis: Nemesis) -> None:
    """In a thread of its own: where a browser was driven before, this one has an event loop already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run(world, options, nemesis, until_done=True)).result()


def test_a_part_of_each_kind_killed_and_frozen_loses_nothing(world: World) -> None:
    targets = {target.name: target for target in world.targets()}
    killed = [targets[name] for name in ("broker", "redis", "node-1", "chat-1", "auth") if name in targets]
    frozen = [targets[name] for name in ("node-2", "chat-2", "auth", "redis", "broker") if name in targets]

    def kill(nemesis: Nemesis) -> None:
        for target in killed:
            with nemesis.whole(target):
                nemesis.kill(target, 0.2)

    def freeze(nemesis: Nemesis) -> None:
        for target in frozen:
            with nemesis.whole(target):
                nemesis.freeze(target, 1.5)

    nemesis = Nemesis(kill, freeze)
    run_through(world, Options(people=20, groups=4, messages=300, seed=1, seconds=8), nemesis)

    assert nemesis.counts == {"kills": len(killed), "freezes": len(frozen)}


def test_a_rolling_restart_loses_nothing(world: World) -> None:
    def replace_all(nemesis: Nemesis) -> None:
        for target in world.targets():
            if target.process in (*world.nodes, *world.chats):
                nemesis.restart(target)

    nemesis = Nemesis(replace_all)
    run_through(world, Options(people=20, groups=4, messages=300, seed=2, seconds=8), nemesis)

    assert nemesis.counts == {"restarts": 5}
