"""docker-compose.yml without an engine: its environment and its start order, its programs as processes of this machine.

Of its parts these are real: Postgres with deploy/postgres/roles.sql, Redis, Supabase Auth, the gateway, the migrations
and our services. PostgREST and Mailpit are stand-ins.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.guard import Guard
from ops.keys import make_keys, read_values
from ops.places import ROOT
from ops.ports import find_free_port
from ops.postgres import Cluster, find_binaries
from ops.postgres import serve as serve_postgres
from tests.engines import RedisServer
from tests.ops.compose import EXAMPLE, read_environment
from tests.ops.gateway import run_gateway
from tests.standins.mailbox import Mailbox, serve_mailbox
from tests.standins.postgrest import Config, PostgREST
from tests.standins.server import serve
from tests.system.processes import Process, answers

PROGRAMS = {
    "auth-server": ([], "/health"),
    "auth": ([sys.executable, "-m", "services.auth"], "/readyz"),
    "chat": ([sys.executable, "-m", "services.chat"], "/readyz"),
    "websocket": ([sys.executable, "-m", "services.websocket"], "/readyz"),
    "pages": ([sys.executable, "-m", "frontend.server"], "/healthz"),
}
# Where compose has them.
PLACES = {
    "postgres:5432": "postgres",
    "gateway:8000": "gateway",
    "auth:5001": "auth",
    "chat:5002": "chat",
    "websocket:5003": "websocket",
    "redis:6379": "redis",
}


@dataclass
class SelfHosted:
    public_url: str
    mailbox: Mailbox
    processes: dict[str, Process]
    owner_url: str
    values: dict[str, str]


class Machine:
    """Fills `.env` in, and gives each of the compose file's names a port of this machine."""

    def __init__(self, folder: Path, guard: Guard, **chosen: str) -> None:
        self.folder, self.guard = folder, guard
        self.ports = {name: find_free_port() for name in (*PROGRAMS, "postgres", "redis", "gateway", "public")}
        make_keys(EXAMPLE, folder / ".env")
        self.values = read_values((folder / ".env").read_text())
        self.values |= {"PUBLIC_URL": f"http://localhost:{self.ports['public']}", **chosen}

    def environment(self, name: str) -> dict[str, str]:
        given = {}
        for variable, value in read_environment(name, self.values).items():
            for place, other in PLACES.items():
                value = value.replace(place, f"127.0.0.1:{self.ports[other]}")
            given[variable] = "127.0.0.1" if value == "0.0.0.0" else value
        return given

    def process(self, name: str, command: list[str], environment: Mapping[str, str], ready: str) -> Process:
        """Not started."""
        port = self.ports[name]
        is_ready = answers(f"http://127.0.0.1:{port}{ready}")
        given = {"PATH": os.environ["PATH"], "PORT": str(port), **environment}
        return Process(name, command, given, port, self.folder / f"{name}.log", self.guard, is_ready)


@contextmanager
def run_self_hosted(folder: Path, caddy: str, gotrue: str, **chosen: str) -> Iterator[SelfHosted]:
    """`chosen`: lines of .env."""
    guard = Guard()
    with ExitStack() as stack:
        stack.callback(guard.close)
        machine = Machine(folder, guard, **chosen)
        cluster = Cluster(
            folder / "postgres", machine.ports["postgres"], machine.values["POSTGRES_PASSWORD"], ("fsync=off",)
        )
        stack.enter_context(serve_postgres(cluster))
        _make_roles(cluster, machine)
        _start(stack, RedisServer(folder / "redis", guard, machine.ports["redis"], machine.values["REDIS_PASSWORD"]))
        mailbox = stack.enter_context(serve_mailbox())
        processes = {}

        # GoTrue's own file would be read from where it starts.
        server = machine.environment("auth-server") | {
            "GOTRUE_API_PORT": str(machine.ports["auth-server"]),
            "GOTRUE_SMTP_HOST": "127.0.0.1",
            "GOTRUE_SMTP_PORT": str(mailbox.port),
        }
        processes["auth-server"] = _start(stack, machine.process("auth-server", [gotrue], server, "/health"))
        _migrate(machine)
        rest = stack.enter_context(serve(_make_rest(stack, machine)))
        upstreams = {name: f"127.0.0.1:{machine.ports[name]}" for name in PROGRAMS} | {"rest": rest.partition("//")[2]}
        gateway = machine.environment("gateway")
        keys = {name: value for name, value in gateway.items() if name.startswith("SUPABASE_")}
        stack.enter_context(
            run_gateway(caddy, folder, upstreams, keys, machine.ports["public"], machine.ports["gateway"])
        )
        for name in ("auth", "chat", "websocket", "pages"):
            command, ready = PROGRAMS[name]
            processes[name] = _start(stack, machine.process(name, command, machine.environment(name), ready))
        yield SelfHosted(machine.values["PUBLIC_URL"], mailbox, processes, cluster.url(), machine.values)


def _make_roles(cluster: Cluster, machine: Machine) -> None:
    """As the image runs it: psql as the owner, the container's environment around it."""
    words = [str(find_binaries() / "psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--quiet"]
    file = str(ROOT / "deploy" / "postgres" / "roles.sql")
    environment = {"PATH": os.environ["PATH"], **machine.environment("postgres")}
    subprocess.run([*words, "-d", cluster.url(), "-f", file], env=environment, check=True, capture_output=True)


def _migrate(machine: Machine) -> None:
    environment = {"PATH": os.environ["PATH"], **machine.environment("migrate")}
    subprocess.run([sys.executable, "-m", "ops.migrate"], cwd=ROOT, env=environment, check=True, capture_output=True)


def _make_rest(stack: ExitStack, machine: Machine) -> PostgREST:
    given = machine.environment("rest")
    server = PostgREST(
        Config(
            given["PGRST_DB_URI"],
            jwks=json.loads(given["PGRST_JWT_SECRET"]),
            schema=given["PGRST_DB_SCHEMAS"],
            anon_role=given["PGRST_DB_ANON_ROLE"],
            max_rows=int(given["PGRST_DB_MAX_ROWS"]),
            verbose_errors=given["PGRST_CLIENT_ERROR_VERBOSITY"] == "verbose",
        )
    )
    stack.callback(server.close)
    return server


def _start(stack: ExitStack, process: Process) -> Process:
    process.start()
    stack.callback(process.kill)
    process.wait_until_ready()
    return process
