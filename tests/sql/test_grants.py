"""A leaked anon key opens nothing: neither anon nor authenticated may use any table or function of ours."""

from __future__ import annotations

import secrets

import psycopg
import pytest

from ops.migrate import migrate
from ops.postgres import Cluster

OURS = "n.nspname in ('public', 'builtin_auth')"
TABLES = f"""
    select n.nspname || '.' || c.relname, c.relrowsecurity,
           has_table_privilege('service_role', c.oid, 'select, insert, update, delete'),
           has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate, references, trigger'),
           has_table_privilege('authenticated', c.oid, 'select, insert, update, delete, truncate, references, trigger'),
           (select count(*) from pg_policy p where p.polrelid = c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where {OURS} and c.relkind in ('r', 'p', 'v', 'm')
"""
FUNCTIONS = f"""
    select n.nspname || '.' || p.proname, p.prosecdef, p.proconfig,
           has_function_privilege('service_role', p.oid, 'execute'),
           has_function_privilege('anon', p.oid, 'execute'),
           has_function_privilege('authenticated', p.oid, 'execute'),
           obj_description(p.oid), p.prosqlbody is not null
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where {OURS} and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""

SEQUENCES = f"""
    select n.nspname || '.' || c.relname,
           has_sequence_privilege('service_role', c.oid, 'usage'),
           has_sequence_privilege('anon', c.oid, 'usage, select, update'),
           has_sequence_privilege('authenticated', c.oid, 'usage, select, update')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where {OURS} and c.relkind = 'S'
"""


@pytest.fixture(scope="module")
def hosted(postgres: Cluster) -> str:
    """The owner's address of a database where, as on hosted Supabase, new things are granted to everybody."""
    name = f"hosted_{secrets.token_hex(4)}"
    postgres.create_database(name)
    with psycopg.connect(postgres.url(name), autocommit=True) as owner:
        for role in ("anon", "authenticated", "service_role"):
            owner.execute(f"do $$ begin create role {role} nologin; exception when duplicate_object then null; end $$")
        for kind in ("tables", "functions", "sequences"):
            owner.execute(f"alter default privileges grant all on {kind} to anon, authenticated, service_role")
    migrate(postgres.url(name), "services-in-tests")
    return postgres.url(name)


def test_every_table_has_row_security_and_serves_only_the_services(hosted: str) -> None:
    with psycopg.connect(hosted) as owner:
        rows = owner.execute(TABLES).fetchall()
    assert {"public.users", "public.messages", "public.outbox"} <= {row[0] for row in rows}
    wrong = [row for row in rows if row[1:] != (True, True, False, False, 1)]
    assert wrong == []


def test_no_function_is_for_anybody_but_the_services(hosted: str) -> None:
    with psycopg.connect(hosted) as owner:
        rows = owner.execute(FUNCTIONS).fetchall()
    assert {"public.send_messages", "public.list_history"} <= {row[0] for row in rows}
    assert [row[0] for row in rows if row[3:6] != (True, False, False)] == []


def test_no_sequence_is_for_anybody_but_the_services(hosted: str) -> None:
    with psycopg.connect(hosted) as owner:
        rows = owner.execute(SEQUENCES).fetchall()
    assert "public.revocations_position_seq" in {row[0] for row in rows}
    assert [row[0] for row in rows if row[1:] != (True, False, False)] == []


def test_every_function_is_an_invoker_with_an_empty_search_path_and_a_comment(hosted: str) -> None:
    with psycopg.connect(hosted) as owner:
        rows = owner.execute(FUNCTIONS).fetchall()
    assert [row[0] for row in rows if row[1] or not row[6]] == []
    # Or with a body that was bound when it was made, which no search_path can turn to anything else.
    assert [row[0] for row in rows if 'search_path=""' not in (row[2] or []) and not row[7]] == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_stranger_reads_no_row_and_calls_no_function(hosted: str, role: str) -> None:
    with psycopg.connect(hosted) as owner:
        owner.execute(f"set role {role}")
        for statement in (
            "select * from public.messages",
            "insert into public.users (id, email, name) values (gen_random_uuid(), 'x@y.z', 'x')",
            "select public.send_messages('[]')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
                owner.execute(statement)
