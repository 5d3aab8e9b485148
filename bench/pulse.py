"""Pulse as `make run` starts it: the same processes with the same settings (ops/plan.py), on free ports."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.cores import ALL
from bench.people import SERVICE_TOKEN, Auth
from bench.programs import Program
from ops.guard import Guard
from ops.local_secrets import LocalSecrets
from ops.migrate import APP_ROLE, migrate
from ops.plan import MODULES, SYSTEM, make_offer, make_services
from ops.ports import find_free_port
from ops.postgres import Cluster
from ops.settings import PORTS, RunSettings

DATABASE = "pulse"
OWNER_PASSWORD, APP_PASSWORD = "owner-in-a-measurement", "services-in-a-measurement"
# Nobody here is to be slowed down on purpose.
UNLIMITED = {"SENDS_PER_MINUTE": "1000000", "LOGINS_PER_IP": "1000000", "CODES_PER_IP": "1000000"}


@dataclass
class Pulse:
    """``programs`` and ``ports`` by name: postgres, auth, chat, websocket, as far as they were started."""

    auth: Auth
    programs: dict[str, Program] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    database_url: str | None = None
    owner_url: str | None = None

    def cpu_seconds(self) -> dict[str, float]:
        return {name: program.cpu_seconds() for name, program in self.programs.items()}


@contextmanager
def running_pulse(
    folder: Path,
    guard: Guard,
    auth: Auth,
    names: Sequence[str] = ("chat", "websocket"),
    *,
    cores: set[int] = ALL,
    settings: Mapping[str, str] | None = None,
    data: Path | None = None,
) -> Iterator[Pulse]:
    """Those of Pulse's services, all on ``cores``; an embedded PostgreSQL when one of them needs it.

    ``settings`` are those of the README, for all of them. ``auth`` stands in unless it is one of ``names``. ``data``: a
    folder with a database of an earlier run, or where one is to stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pulse = Pulse(auth)
    with ExitStack() as stack:

        def start(name: str, words: Sequence[str], environment: Mapping[str, str], **more: object) -> Program:
            log = folder / f"{name}.log"
            program = Program(name, words, environment, log=log, guard=guard, cores=cores, **more)  # type: ignore[arg-type]
            pulse.programs[name] = stack.enter_context(program)
            return program

        environ = {name: os.environ[name] for name in SYSTEM if name in os.environ}
        if any(name != "websocket" for name in names):
            cluster = Cluster((data or folder) / "postgres", find_free_port(), OWNER_PASSWORD)
            cluster.prepare()
            start("postgres", cluster.command(), environ, stop_signal=2).wait_until(cluster.is_ready)
            cluster.create_database(DATABASE)
            migrate(cluster.url(DATABASE), APP_PASSWORD)
            pulse.owner_url = cluster.url(DATABASE)
            pulse.database_url = cluster.url(DATABASE, APP_ROLE, APP_PASSWORD)
            environ["DATABASE_URL"] = pulse.database_url
            pulse.ports["postgres"] = cluster.port
        run = RunSettings.read({**environ, **find_ports()})
        offer = {
            **make_offer(run, LocalSecrets("", "", SERVICE_TOKEN, secrets.token_urlsafe(32), ""), environ),
            **UNLIMITED,
            **({} if "auth" in names else {"AUTH_URL": auth.url}),
            **({} if "chat" in names else {"CHAT_URL": auth.url}),
            **(settings or {}),
        }
        for child in make_services(run, offer, {name: MODULES[name] for name in names}):
            program = start(child.name, child.command, child.environment)
            pulse.ports[child.name] = int(child.environment["PORT"])
            program.wait_until(child.is_ready)
        yield pulse


def find_ports() -> dict[str, str]:
    """A free port for each service, no two of them the same."""
    found: set[int] = set()
    while len(found) < len(MODULES):
        found.add(find_free_port())
    return dict(zip((PORTS[name] for name in MODULES), map(str, found), strict=True))
