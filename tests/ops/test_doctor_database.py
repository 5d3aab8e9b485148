"""`make doctor` at a database: its migrations, and who logs in to it."""

from pathlib import Path

import psycopg
import pytest

from ops.postgres import Cluster
from tests.conftest import Database
from tests.ops.doctor import Open, ask, texts
from tests.ops.doctor import open_own_project as open_own_project  # fixtures
from tests.ops.doctor import open_project as open_project


def test_migrations_that_are_missing_are_counted(open_own_project: Open, tmp_path: Path) -> None:
    project = open_own_project()
    with psycopg.connect(project.database.owner_url) as owner:
        owner.execute("delete from supabase_migrations.schema_migrations where version > '20261122130400'")
    assert "are not applied, the first is 20261122130500" in texts(ask(project, tmp_path), "FAIL")["migrations"]


def test_a_database_ahead_of_the_checkout_is_said(open_own_project: Open, tmp_path: Path) -> None:
    project = open_own_project()
    with psycopg.connect(project.database.owner_url) as owner:
        owner.execute("insert into supabase_migrations.schema_migrations (version) values ('99990101000000')")
    assert "update the checkout" in texts(ask(project, tmp_path), "FAIL")["migrations"]


def test_functions_postgrest_has_not_heard_of_are_told_from_ones_that_are_not_there(
    open_own_project: Open, tmp_path: Path
) -> None:
    project = open_own_project()
    with psycopg.connect(project.database.owner_url) as owner:
        owner.execute("alter function list_migrations rename to away")
    project.postgrest.reload()
    with psycopg.connect(project.database.owner_url) as owner:
        owner.execute("alter function away rename to list_migrations")
    stale = ask(project, tmp_path, MIGRATE_DATABASE_URL=project.database.owner_url)
    assert texts(stale, "FAIL") == {
        "migrations": "all are applied, and PostgREST does not know of them: "
        "run notify pgrst, 'reload schema' in the SQL editor"
    }
    assert "make migrate" in texts(ask(project, tmp_path), "FAIL")["migrations"]
    assert "publishable key opens nothing" in texts(stale, "skip")


def test_a_function_that_anybody_may_call_is_found(open_own_project: Open, tmp_path: Path) -> None:
    project = open_own_project()
    with psycopg.connect(project.database.owner_url) as owner:
        owner.execute("grant execute on function list_migrations to anon")
    assert "a function of ours answers it" in texts(ask(project, tmp_path), "FAIL")["publishable key opens nothing"]


def test_a_projects_own_postgres_is_asked_where_the_services_ask_it(open_project: Open, tmp_path: Path) -> None:
    project = open_project()
    fine = ask(project, tmp_path, DATABASE_URL=project.database.url)
    assert texts(fine, "FAIL") == {}
    assert "logs in as pulse_app" in texts(fine, "ok")["DATABASE_URL"]
    assert "all" in texts(fine, "ok")["migrations"]


def test_a_login_that_row_level_security_does_not_bind_is_refused(database: Database, tmp_path: Path) -> None:
    assert "which is superuser" in texts(ask(None, tmp_path, DATABASE_URL=database.owner_url), "FAIL")["DATABASE_URL"]
    assert "bound by RLS" in texts(ask(None, tmp_path, DATABASE_URL=database.url), "ok")["DATABASE_URL"]


def test_a_database_that_does_not_let_us_in_is_explained_without_the_password(
    postgres: Cluster, database: Database, tmp_path: Path
) -> None:
    wrong = database.url.replace("services-in-tests", "wrong-one")
    failed = texts(ask(None, tmp_path, DATABASE_URL=wrong, MIGRATE_DATABASE_URL=wrong), "FAIL")
    for name in ("DATABASE_URL", "MIGRATE_DATABASE_URL"):
        assert "password authentication failed" in failed[name]
        assert "make migrate" in failed[name]
        assert "wrong-one" not in failed[name]
    empty = texts(ask(None, tmp_path, DATABASE_URL=postgres.url("postgres")), "FAIL")
    assert empty["DATABASE_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres.abc:[hush]@127.0.0.1/postgres",
        "postgresql://postgres.abc:hu[s]h@127.0.0.1/postgres",
        "postgresql://postgres.abc:hush@[::1",
    ],
)
def test_an_address_with_brackets_is_explained_without_its_password(tmp_path: Path, url: str) -> None:
    lines = ask(None, tmp_path, DATABASE_URL=url, MIGRATE_DATABASE_URL=url)
    assert {"DATABASE_URL", "MIGRATE_DATABASE_URL"} <= texts(lines, "FAIL").keys()
    assert "hu" not in "".join(line.text for line in lines)
