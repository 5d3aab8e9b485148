"""DATABASE_URL and MIGRATE_DATABASE_URL: who logs in there, what row level security lets them see, what is applied."""

from collections.abc import Callable, Generator
from typing import Any

import psycopg

from ops.addresses import find_host, read_address, without_password
from ops.doctor.limits import SECONDS, within
from ops.doctor.lines import Line, fail, ok
from ops.doctor.setup import Setup
from ops.errors import SetupError
from ops.migrate import APP_ROLE

LOGIN = """
    select current_user::text, r.rolsuper, r.rolbypassrls, pg_has_role(current_user, 'service_role', 'usage'),
           current_setting('server_version_num')::integer / 10000
    from pg_roles r where r.rolname = current_user
"""
HAS_SERVICE_ROLE = "select to_regrole('service_role') is not null"
POLICY = """
    select count(*) from pg_policies
    where schemaname = 'public' and tablename = 'users' and roles @> '{service_role}'
"""
OLDEST = 15


class NoDatabase(Exception):
    """The text says why."""


def query(variable: str, url: str, work: Callable[[psycopg.Connection], Any]) -> Any:
    """Raises NoDatabase."""
    try:
        read_address(variable, url)
        return within(lambda: _run(url, work))
    except (SetupError, TimeoutError) as reason:
        raise NoDatabase(str(reason).removeprefix(f"{variable}: ")) from None
    except psycopg.Error as reason:
        raise NoDatabase(without_password(reason, url)) from None


def _run(url: str, work: Callable[[psycopg.Connection], Any]) -> Any:
    with psycopg.connect(
        url, connect_timeout=int(SECONDS), prepare_threshold=None, application_name="pulse-doctor"
    ) as one:
        return work(one)


def check_login(setup: Setup) -> Generator[Line, None, bool]:
    """Whether the services can log in, bound by row level security."""
    name = "DATABASE_URL"
    url = setup.get(name)
    try:
        row = query(name, url, _find_login)
    except NoDatabase as reason:
        yield fail(name, str(reason), _remedy(url, str(reason)))
        return False
    user, is_super, bypasses, is_service, version, policies = row
    place = read_address(name, url)
    if version < OLDEST:
        yield fail(name, f"PostgreSQL {version}", f"Pulse needs {OLDEST} or later")
    elif is_super or bypasses:
        what = "superuser" if is_super else "exempt from row level security"
        yield fail(name, f"logs in as {user}, which is {what}", f"use the login {APP_ROLE}; `make migrate` lets it in")
    elif not is_service:
        yield fail(name, f"logs in as {user}, which is no member of service_role", f"use the login {APP_ROLE}")
    elif not policies:
        yield fail(name, "no row level security policy for service_role: every table reads empty", "run `make migrate`")
    else:
        where = f"{place.get('host', '')}:{place.get('port', 5432)}"
        yield ok(name, f"logs in as {user} at {where}, PostgreSQL {version}, bound by RLS")
        return True
    return False


def _find_login(connection: psycopg.Connection) -> tuple[Any, ...]:
    if connection.execute(HAS_SERVICE_ROLE).fetchone() != (True,):
        raise SetupError("there is no role service_role: it has not been migrated")
    login, policies = connection.execute(LOGIN).fetchone(), connection.execute(POLICY).fetchone()
    assert login is not None
    assert policies is not None
    return (*login, *policies)


def find_versions(setup: Setup) -> tuple[bool, object]:
    """Whether the function that tells is there, and what it answers. Raises NoDatabase."""

    def find(connection: psycopg.Connection) -> tuple[bool, object]:
        try:
            row = connection.execute("select public.list_migrations()").fetchone()
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
            return False, None
        return True, row[0].get("versions") if row else None

    found: tuple[bool, object] = query("DATABASE_URL", setup.get("DATABASE_URL"), find)
    return found


def check_owner(setup: Setup) -> Generator[Line, None, list[str] | None]:
    """The versions in the record, as the owner reads it; None when that is not known."""
    name = "MIGRATE_DATABASE_URL"

    def find(connection: psycopg.Connection) -> list[str]:
        try:
            rows = connection.execute("select version from supabase_migrations.schema_migrations order by 1").fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return []
        return [str(row[0]) for row in rows]

    try:
        recorded: list[str] = query(name, setup.get(name), find)
    except NoDatabase as reason:
        yield fail(name, str(reason), _remedy(setup.get(name), str(reason)))
        return None
    yield ok(name, f"logs in, {len(recorded)} migrations in the record")
    return recorded


def _remedy(url: str, reason: str) -> str:
    host = find_host(url)
    if "password authentication failed" in reason or "no such user" in reason.lower():
        return "check user and password; `make migrate` with both addresses gives pulse_app the one in DATABASE_URL"
    if host.startswith("db.") and host.endswith(".supabase.co"):
        return "a project's direct address is IPv6 only: without IPv6 here use the session pooler's (docs/supabase.md)"
    if "migrated" in reason:
        return "run `make migrate`"
    return "check host, port and name"
