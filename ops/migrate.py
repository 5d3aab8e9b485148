"""Bring a database up to `supabase/migrations/*.sql`: `python -m ops.migrate`.

Reads MIGRATE_DATABASE_URL (the owner's login) and, when DATABASE_URL logs in as `pulse_app`, lets that role in with
that password. What was applied is kept where the Supabase CLI keeps it, so either tool can go on after the other.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ops.errors import SetupError
from ops.output import complain

MIGRATIONS = Path(__file__).parent.parent / "supabase" / "migrations"
APP_ROLE = "pulse_app"
LOCK = 7_305_482_119  # any number nobody else locks with
LOCK_SECONDS = 60


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

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def migrate(owner_url: str, app_password: str | None = None, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing, oldest first, each in its own transaction; returns the file names applied.

    Safe to run again and from several processes at once. Raises SetupError, and applies nothing, when the files and the
    record disagree; when a file fails, those before it stay applied.
    """
    migrations = [Migration(path) for path in sorted(folder.glob("*.sql"))]
    with _connect(owner_url) as connection:
        _lock(connection)
        _make_record(connection)
        missing = _find_missing(connection, migrations)
        for migration in missing:
            _apply(connection, migration)
        if app_password is not None:
            _let_in(connection, app_password)
    return [migration.path.name for migration in missing]


def _connect(url: str) -> psycopg.Connection:
    try:
        return psycopg.connect(url, autocommit=True, application_name="pulse-migrate", connect_timeout=10)
    except psycopg.Error as reason:
        raise SetupError(f"migrations cannot reach the database: {str(reason).strip()}") from reason


def _lock(connection: psycopg.Connection) -> None:
    connection.execute(sql.SQL("set lock_timeout = {}").format(f"{LOCK_SECONDS}s"))
    try:
        # Let go of with the connection, however that ends.
        connection.execute("select pg_advisory_lock(%s)", [LOCK])
    except psycopg.errors.LockNotAvailable as reason:
        raise SetupError(f"another migration has been running for over {LOCK_SECONDS} seconds") from reason


def _make_record(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("set local client_min_messages = warning")
        connection.execute("create schema if not exists supabase_migrations")
        connection.execute(
            "create table if not exists supabase_migrations.schema_migrations"
            " (version text primary key, statements text[], name text)"
        )


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
        if migration not in missing and _differs(recorded[migration.version], migration.text):
            raise SetupError(
                f"{migration.path.name} was changed after it was applied: restore it and add a new migration"
            )
    return missing


def _differs(statements: list[str] | None, text: str) -> bool:
    # The Supabase CLI records a file split into statements, which cannot be compared; one entry is the whole file.
    return statements is not None and len(statements) == 1 and statements[0].strip(" \n;") != text.strip(" \n;")


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    text = migration.text
    try:
        with connection.transaction():
            # Bytes and no parameters: the file goes to the server whole, as written.
            connection.execute(text.encode())
            connection.execute(
                "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)",
                [migration.version, [text], migration.name],
            )
    except psycopg.Error as reason:
        position = reason.diag.statement_position
        line = f" line {text.count(chr(10), 0, int(position)) + 1}" if position else ""
        raise SetupError(f"{migration.path.name}{line}: {reason.diag.message_primary or reason}") from reason
    # A migration's `set` outlives its transaction.
    connection.execute("reset all")


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
    try:
        parts = conninfo_to_dict(database_url)
    except psycopg.ProgrammingError as reason:
        raise SetupError(f"DATABASE_URL is not a PostgreSQL address: {str(reason).strip()}") from reason
    if str(parts.get("user", "")).partition(".")[0] != APP_ROLE:
        return None
    password = parts.get("password")
    return None if password is None else str(password)


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
