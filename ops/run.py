"""`python -m ops.run`: all of Pulse on this machine, from one terminal, until ^C."""

import os
import shutil
import sys
import time
from collections.abc import Mapping

import psycopg

from ops.addresses import read_address, without_password
from ops.errors import SetupError
from ops.local_secrets import LocalSecrets, load_secrets
from ops.lock import RunLock
from ops.output import Output, complain
from ops.places import PAGES, ROOT, find_var
from ops.plan import (
    DATABASE,
    make_cluster,
    make_engines,
    make_migration,
    make_offer,
    make_postgres,
    make_services,
)
from ops.ports import find_obstacle
from ops.settings import PORTS, RunSettings
from ops.supervisor import Stopped, Supervisor
from ops.what_runs import describe
from shared.settings import SettingsError, exit_with


def main(words: list[str]) -> int:
    os.chdir(ROOT)
    try:
        settings = RunSettings.read()
        var = find_var()
        var.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = RunLock(var)
        lock.take()
        _check_ports(settings)
        _check_tools()
        _run(settings, lock, with_parent="--with-parent" in words)
    except Stopped as stopped:
        return stopped.code
    except KeyboardInterrupt:
        return 130
    except SettingsError as error:
        exit_with(error, "pulse")
    except SetupError as error:
        complain(error)
        return 1
    return 0


def _run(settings: RunSettings, lock: RunLock, *, with_parent: bool) -> None:
    began = time.monotonic()
    kept = load_secrets(find_var())
    offer = make_offer(settings, kept, os.environ)
    services = make_services(settings, offer)
    engines = make_engines(settings, kept, offer)
    width = max(len(name) for name in ("postgres", "migrate", *(child.name for child in (*services, *engines))))
    with Supervisor(Output(width), keep_open=(lock.fileno(),)) as supervisor:
        if with_parent:
            supervisor.stop_with_parent()
        _open_database(supervisor, settings, kept, offer)
        if engines:
            supervisor.start(*engines)
            supervisor.wait_until_ready()
        supervisor.start(*services)
        supervisor.wait_until_ready()
        supervisor.say(f"ready after {time.monotonic() - began:.1f} s")
        for line in describe(settings, [*engines, *services]):
            supervisor.say(line)
        supervisor.say(f"open {settings.pages_url}")
        if "SMTP_URL" not in offer and settings.supabase_url is None:
            supervisor.say(f"mail arrives at {offer['AUTH_PUBLIC_URL']}/dev/inbox")
        supervisor.say("Ctrl-C stops it")
        supervisor.watch()


def _open_database(supervisor: Supervisor, settings: RunSettings, kept: LocalSecrets, offer: Mapping[str, str]) -> None:
    """Embedded, given, or a Supabase project: up to date as far as its owner's login is known, and reachable."""
    if settings.is_embedded:
        cluster = make_cluster(settings, kept)
        cluster.prepare()
        supervisor.start(make_postgres(cluster, offer))
        supervisor.wait_until_ready()
        cluster.create_database(DATABASE)
        supervisor.run_once(make_migration(cluster.url(DATABASE), offer))
        return
    if settings.supabase_url is not None:
        supervisor.say(f"Supabase at {settings.supabase_url}: `make doctor` tells whether it is set up right")
    if settings.migrate_database_url is not None:
        supervisor.run_once(make_migration(settings.migrate_database_url, offer))
    else:
        supervisor.say("the database is used as it is: `make migrate` or `supabase db push` brings it up to date")
    if settings.database_url is not None:
        _check_reachable(settings.database_url)


def _check_reachable(database_url: str) -> None:
    """The services would start without it, and wait."""
    read_address("DATABASE_URL", database_url)
    try:
        psycopg.connect(database_url, connect_timeout=10).close()
    except psycopg.Error as reason:
        raise SetupError(f"DATABASE_URL: {without_password(reason, database_url)}") from None


def _check_tools() -> None:
    if shutil.which("sh") is None:
        raise SetupError("no `sh` on PATH, with which every process here is started")
    if not PAGES.exists():
        raise SetupError(f"{PAGES.relative_to(ROOT)} is not built: start with `make run`")


def _check_ports(settings: RunSettings) -> None:
    problems = []
    for name, port in settings.ports.items():
        host = "127.0.0.1" if name == "postgres" else settings.host
        if obstacle := find_obstacle(port, host):
            choose = f"free it, or choose another with {PORTS[name]}=…"
            problems.append(f"port {port} {obstacle}, and {name} needs it: {choose}")
    if problems:
        raise SettingsError(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
