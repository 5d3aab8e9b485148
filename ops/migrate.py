"""Bring a database up to `supabase/migrations/*.sql`: `python -m ops.migrate`.

Reads MIGRATE_DATABASE_URL (the owner's login) and, when DATABASE_URL logs in as `pulse_app`, lets that role in with
that password. What was applied is kept where the Supabase CLI keeps it, so either tool can go on after the other.

No session state: every step takes its lock, looks and acts in one transaction, so that a pooler of any kind may stand
in between and a killed run leaves no lock behind.
"""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

from ops.addresses import read_address, without_password
from ops.errors import SetupError
from ops.output import complain, ends_quietly

MIGRATIONS = Path(__file__).parent.parent / "supabase" / "migrations"
APP_ROLE = "pulse_app"
LOCK = 7_305_482_119  # any number nobody else locks with
# Mended after they were published, because the Supabase CLI could not read them, to the same effect: the version, and
# the SHA-256 of the former text's essence.
MENDED = {"20261122110000": "f018cea9e162a58ea178bb5fc6f9581f43b16fa19f099da3233e619825648e52"}
LOCK_SECONDS = 60
CROSSINGS = 5


Result = TypeVar("Result")


@dataclass(frozen=True)
class Migration:
    """One file `<version>_<name>.sql`."""

    path: Path

    @property
    def version(self) -> str:
        return self.path.stem.partition("_")[0]

    @property
    def name(self) -> str:
        return self.path.stem.partition("_")[2]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def migrate(owner_url: str, app_password: str | None = None, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, oldest first, each in its own transaction; returns the file names applied here.

    Safe to run again and from several processes at once, which then share the work. Raises SetupError, and applies
    nothing, when the files and the record disagree; when a file fails, those before it stay applied.
    """
    migrations = [Migration(path) for path in sorted(folder.glob("*.sql"))]
    applied: list[str] = []
    with _connect(owner_url) as connection:
        _in_turn(connection, lambda: _make_record(connection))
        while migration := _in_turn(connection, lambda: _apply_next(connection, migrations)):
            applied.append(migration.path.name)
        if app_password is not None:
            _in_turn(connection, lambda: _let_in(connection, app_password))
        # PostgREST answers 404 for functions it has not heard of; nobody listens elsewhere.
        connection.execute("notify pgrst, 'reload schema'")
    return applied


def _connect(url: str) -> psycopg.Connection:
    read_address("MIGRATE_DATABASE_URL", url)
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            application_name="pulse-migrate",
            client_encoding="utf8",
            connect_timeout=10,
            prepare_threshold=None,
        )
    except psycopg.Error as reason:
        raise SetupError(f"migrations cannot reach the database: {without_password(reason, url)}") from None


def _in_turn(connection: psycopg.Connection, act: Callable[[], Result]) -> Result:
    """What `act` returns, in a transaction of which there is one at a time in this database."""
    for crossing in range(CROSSINGS):
        try:
            with connection.transaction():
                # A project's own limits are meant for requests; waiting for people who use a table has one too.
                connection.execute("set local statement_timeout = 0")
                connection.execute(sql.SQL("set local lock_timeout = {}").format(f"{LOCK_SECONDS}s"))
                _take_turn(connection)
                return act()
        except psycopg.errors.InternalError_:
            # Roles belong to all databases of a server: another one was migrated at this moment.
            if crossing == CROSSINGS - 1:
                raise
    raise AssertionError("unreachable")


def _take_turn(connection: psycopg.Connection) -> None:
    try:
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    except psycopg.errors.LockNotAvailable as reason:
        raise SetupError(f"another migration has been running for over {LOCK_SECONDS} seconds") from reason


def _make_record(connection: psycopg.Connection) -> None:
    # Also completes what an old Supabase CLI made.
    found = connection.execute(
        "select count(*) from information_schema.columns where table_schema = 'supabase_migrations'"
        " and table_name = 'schema_migrations' and column_name in ('version', 'statements', 'name')"
    ).fetchone()
    if found == (3,):
        return
    connection.execute("set local client_min_messages = warning")
    connection.execute("create schema if not exists supabase_migrations")
    connection.execute("create table if not exists supabase_migrations.schema_migrations (version text primary key)")
    for column in ("statements text[]", "name text"):
        connection.execute(f"alter table supabase_migrations.schema_migrations add column if not exists {column}")


def _apply_next(connection: psycopg.Connection, migrations: list[Migration]) -> Migration | None:
    missing = _find_missing(connection, migrations)
    if not missing:
        return None
    _apply(connection, missing[0])
    return missing[0]


def _find_missing(connection: psycopg.Connection, migrations: list[Migration]) -> list[Migration]:
    rows = connection.execute("select version, statements from supabase_migrations.schema_migrations").fetchall()
    recorded: dict[str, list[str] | None] = dict(rows)
    versions = [migration.version for migration in migrations]
    if twice := sorted({version for version in versions if versions.count(version) > 1}):
        raise SetupError(f"two migrations have the version {twice[0]}: rename one of them")
    if unknown := sorted(recorded.keys() - set(versions)):
        raise SetupError(f"the database has migration {unknown[-1]}, which this checkout does not: update the checkout")
    newest = max(recorded, default="")
    missing = [migration for migration in migrations if migration.version not in recorded]
    for migration in migrations:
        if migration in missing and migration.version < newest:
            raise SetupError(f"{migration.path.name} is older than {newest}, which is applied: give it a later version")
        if migration not in missing and _differs(recorded[migration.version], migration):
            raise SetupError(
                f"{migration.path.name} was changed after it was applied: restore it and add a new migration"
            )
    return missing


def _differs(statements: list[str] | None, migration: Migration) -> bool:
    # The Supabase CLI records a file cut at its semicolons, which it drops with the space around them.
    if statements is None or statements == [migration.text]:
        return False
    recorded = _essence("".join(statements))
    former = MENDED.get(migration.version) == sha256(recorded.encode()).hexdigest()
    return not former and recorded != _essence(migration.text)


def _essence(text: str) -> str:
    return re.sub(r"[\s;]+", "", text)


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    text = migration.text
    try:
        # Bytes and no parameters: the file goes to the server whole, as written.
        connection.execute(text.encode())
        # A migration's `set` would outlive its transaction.
        connection.execute("reset all")
        connection.execute(
            "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)",
            [migration.version, [text], migration.name],
        )
    except psycopg.errors.InternalError_:
        raise
    except psycopg.Error as reason:
        position = reason.diag.statement_position
        line = f" line {text.count(chr(10), 0, int(position)) + 1}" if position else ""
        more = f" ({reason.diag.message_detail})" if reason.diag.message_detail else ""
        raise SetupError(f"{migration.path.name}{line}: {reason.diag.message_primary or reason}{more}") from reason


def _let_in(connection: psycopg.Connection, password: str) -> None:
    row = connection.execute("select rolsuper or rolbypassrls from pg_roles where rolname = %s", [APP_ROLE]).fetchone()
    if row is None:
        raise SetupError(f"no migration made the role {APP_ROLE}, as which the services log in")
    if row[0]:
        raise SetupError(f"the role {APP_ROLE} must be neither superuser nor BYPASSRLS: it would hide missing grants")
    # Hashed here, so that the password is in no statement and no log of the server.
    verifier = connection.pgconn.encrypt_password(password.encode(), APP_ROLE.encode(), b"scram-sha-256").decode()
    login = sql.SQL("alter role {} with login password {}").format(sql.Identifier(APP_ROLE), verifier)
    connection.execute(login)


def find_app_password(database_url: str) -> str | None:
    """The password in a DATABASE_URL, if it is `pulse_app` that logs in (behind a pooler: `pulse_app.project`)."""
    if not database_url:
        return None
    parts = read_address("DATABASE_URL", database_url)
    return parts.get("password") if parts.get("user", "").partition(".")[0] == APP_ROLE else None


@ends_quietly
def main() -> int:
    owner_url = os.environ.get("MIGRATE_DATABASE_URL")
    try:
        if not owner_url:
            raise SetupError("MIGRATE_DATABASE_URL is not set: the address of the database with its owner's login")
        applied = migrate(owner_url, find_app_password(os.environ.get("DATABASE_URL", "")))
    except SetupError as error:
        complain(error)
        return 1
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("the database is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
