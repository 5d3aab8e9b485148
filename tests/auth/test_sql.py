"""The schema builtin_auth: for the services' login only, whatever a hosted project grants by default."""

from __future__ import annotations

import psycopg
import pytest

from tests.auth.conftest import Owner
from tests.conftest import Database

TABLES = {"accounts", "identities", "inbox", "links", "refresh_tokens", "sessions", "signing_keys"}


def test_every_table_has_row_level_security_and_a_policy_for_the_services(owner: Owner) -> None:
    rows = owner(
        "select c.relname, c.relrowsecurity,"
        " array(select p.polroles::regrole[]::text from pg_policy p where p.polrelid = c.oid)"
        " from pg_class c where c.relnamespace = 'builtin_auth'::regnamespace and c.relkind = 'r' order by 1"
    )
    assert {name: (secured, policies) for name, secured, policies in rows} == {
        name: (True, ["{service_role}"]) for name in TABLES
    }


@pytest.mark.parametrize("role", ["anon", "authenticated", "public"])
def test_nobody_but_the_services_may_use_anything(owner: Owner, role: str) -> None:
    assert owner("select has_schema_privilege(%s, 'builtin_auth', 'usage')", role) == [(False,)]
    assert (
        owner(
            "select relname from pg_class where relnamespace = 'builtin_auth'::regnamespace and relkind = 'r'"
            " and has_table_privilege(%s, oid, 'select, insert, update, delete, truncate, references, trigger')",
            role,
        )
        == []
    )
    assert (
        owner(
            "select proname from pg_proc where pronamespace = 'builtin_auth'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute')",
            role,
        )
        == []
    )
    assert (
        owner(
            "select relname from pg_class c join pg_sequence s on s.seqrelid = c.oid"
            " where relnamespace = 'builtin_auth'::regnamespace"
            " and has_sequence_privilege(%s, seqrelid, 'usage, select, update')",
            role,
        )
        == []
    )


def test_functions_run_as_their_caller_with_no_search_path_and_say_what_they_do(owner: Owner) -> None:
    rows = owner(
        "select proname, prosecdef, proconfig, obj_description(oid, 'pg_proc'), prorettype::regtype::text"
        " from pg_proc where pronamespace = 'builtin_auth'::regnamespace"
    )
    assert len(rows) >= 15
    for name, definer, config, comment, returned in rows:
        assert (definer, config) == (False, ['search_path=""']), name
        assert returned in ("jsonb", "trigger"), name
        assert comment, name
    tables = owner(
        "select relname from pg_class where relnamespace = 'builtin_auth'::regnamespace and relkind = 'r'"
        " and obj_description(oid, 'pg_class') is null"
    )
    assert tables == []


def test_the_services_login_may_and_another_login_may_not(database: Database, owner: Owner) -> None:
    with psycopg.connect(database.url, autocommit=True) as services:
        assert services.execute("select public.take_permit('x', 1, 60)").fetchone() == (
            {"allowed": True, "retry_after_seconds": 0},
        )
    for role in ("anon", "authenticated"):
        owner(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner("select public.take_permit('x', 1, 60)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner("select * from builtin_auth.signing_keys")
        owner("reset role")


def test_a_permit_comes_back_when_its_time_is_over(owner: Owner) -> None:
    def take() -> tuple[object, ...]:
        [(answer,)] = owner("select public.take_permit('door', 2, 60)")
        assert isinstance(answer, dict)
        return answer["allowed"], answer["retry_after_seconds"]

    assert [take()[0] for _ in range(3)] == [True, True, False]
    owner("update public.permits set taken = array[taken[1] - interval '30 seconds', taken[2]]")
    allowed, seconds = take()
    assert allowed is False
    assert 28 <= int(str(seconds)) <= 31
    owner("update public.permits set taken = array[taken[1] - interval '31 seconds', taken[2]]")
    assert take() == (True, 0)
    assert take()[0] is False


def test_the_sweep_removes_what_is_over_and_keeps_what_counts(owner: Owner) -> None:
    owner("insert into builtin_auth.accounts (id, email) values (gen_random_uuid(), 'ann@example.org')")
    owner(
        "insert into builtin_auth.sessions (account_id, idle_until, expires_at, ended_at)"
        " select id, now() + '1 day', now() + '1 day', null::timestamptz from builtin_auth.accounts union all"
        " select id, now() - '25 hours'::interval, now() + '1 day', null from builtin_auth.accounts union all"
        " select id, now() + '1 day', now() + '1 day', now() - '25 hours'::interval from builtin_auth.accounts"
        " union all"
        " select id, now() + '1 day', now() + '1 day', now() from builtin_auth.accounts"
    )
    owner(
        "insert into builtin_auth.refresh_tokens (token_hash, session_id, spent_at)"
        " select n::text, (select id from builtin_auth.sessions where ended_at is null and idle_until > now()),"
        " case n when 2 then now() - interval '8 days' when 3 then now() end from generate_series(1, 3) n"
    )
    owner(
        "insert into builtin_auth.links (email, token_hash, code_hash, mailed, expires_at)"
        " values ('a@b', 'old', '', true, now() - interval '61 minutes'), ('a@b', 'new', '', true, now())"
    )
    owner("insert into public.permits values ('old', '{}', now() - interval '1 second'), ('new', '{}', now() + '1 h')")
    owner(
        "insert into builtin_auth.inbox (recipient, subject, link, code, sent_at)"
        " values ('a@b', '', '', '', now() - interval '61 minutes'), ('a@b', '', '', '', now())"
    )
    owner("select builtin_auth.sweep()")
    owner("select public.sweep_sign_ins()")
    assert owner("select bucket from public.permits") == [("new",)]
    counts = {name: owner(f"select count(*) from builtin_auth.{name}")[0][0] for name in TABLES}
    assert counts == {
        "accounts": 1,
        "identities": 0,
        "inbox": 1,
        "links": 1,
        "refresh_tokens": 2,
        "sessions": 2,
        "signing_keys": 0,
    }
