"""Migrations: forward only, each once, by several at the same time, and honest about what does not fit."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ops.errors import SetupError
from ops.migrate import find_app_password, migrate
from ops.postgres import Cluster

ROLES = """
do $$ begin
  if to_regrole('pulse_app') is null then create role pulse_app nologin; end if;
end $$;
"""


@pytest.fixture
def empty_url(postgres: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"empty_{abs(hash(request.node.name)):x}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20260101000000_roles.sql").write_text(ROLES)
    (tmp_path / "20260102000000_notes.sql").write_text("create table notes (id int primary key);\n")
    return tmp_path


def fetch(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def test_files_are_applied_in_order_once_and_recorded(empty_url: str, folder: Path) -> None:
    assert migrate(empty_url, folder=folder) == ["20260101000000_roles.sql", "20260102000000_notes.sql"]
    assert migrate(empty_url, folder=folder) == []
    (folder / "20260103000000_more.sql").write_text("alter table notes add said text;")
    assert migrate(empty_url, folder=folder) == ["20260103000000_more.sql"]
    recorded = fetch(empty_url, "select version, name from supabase_migrations.schema_migrations order by version")
    assert recorded == [("20260101000000", "roles"), ("20260102000000", "notes"), ("20260103000000", "more")]


def test_a_file_that_fails_leaves_nothing_of_itself_and_keeps_those_before(empty_url: str, folder: Path) -> None:
    broken = folder / "20260103000000_broken.sql"
    broken.write_text("create table half (id int);\n\nselect nonsense;\n")
    with pytest.raises(SetupError, match=r'20260103000000_broken.sql line 3: column "nonsense" does not exist'):
        migrate(empty_url, folder=folder)
    assert fetch(empty_url, "select to_regclass('notes')::text, to_regclass('half')::text") == [("notes", None)]
    broken.write_text("create table half (id int);")
    assert migrate(empty_url, folder=folder) == [broken.name]


def test_two_processes_at_once_apply_each_file_once(empty_url: str, folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ops.migrate import migrate\n"
        "print(migrate(sys.argv[1], folder=Path(sys.argv[2])))"
    )
    words = [sys.executable, "-c", code, empty_url, str(folder)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("".join(said).replace("[", "").replace("]", " ").replace(",", "").split()) == [
        "'20260101000000_roles.sql'",
        "'20260102000000_notes.sql'",
    ]


def test_a_run_that_is_killed_leaves_nothing_half_done_and_no_lock(empty_url: str, folder: Path) -> None:
    (folder / "20260103000000_slow.sql").write_text("create table half (id int);\nselect pg_sleep(1);\n")
    code = (
        "import sys; from pathlib import Path; from ops.migrate import migrate\n"
        "migrate(sys.argv[1], folder=Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, empty_url, str(folder)])
    asleep = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
    deadline = time.monotonic() + 30
    while not fetch(empty_url, asleep):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert migrate(empty_url, folder=folder) == ["20260103000000_slow.sql"]
    assert fetch(empty_url, "select to_regclass('half')::text") == [("half",)]


def test_a_changed_old_file_is_refused(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    (folder / "20260102000000_notes.sql").write_text("create table notes (id bigint primary key);")
    with pytest.raises(SetupError, match=r"20260102000000_notes.sql was changed after it was applied"):
        migrate(empty_url, folder=folder)


def test_a_database_ahead_of_the_checkout_is_refused(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    (folder / "20260102000000_notes.sql").unlink()
    with pytest.raises(SetupError, match="has migration 20260102000000, which this checkout does not"):
        migrate(empty_url, folder=folder)


def test_a_file_older_than_what_is_applied_is_refused(empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    (folder / "20260101120000_late.sql").write_text("select 1;")
    with pytest.raises(SetupError, match=r"20260101120000_late\.sql is older than 20260102000000"):
        migrate(empty_url, folder=folder)


def test_two_files_of_one_version_are_refused(empty_url: str, folder: Path) -> None:
    (folder / "20260102000000_twin.sql").write_text("select 1;")
    with pytest.raises(SetupError, match="two migrations have the version 20260102000000"):
        migrate(empty_url, folder=folder)
    assert fetch(empty_url, "select to_regclass('notes')") == [(None,)]


def record(url: str, version: str, statements: list[str]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "update supabase_migrations.schema_migrations set statements = %s where version = %s", [statements, version]
        )


def test_a_record_of_the_supabase_cli_is_accepted(empty_url: str, folder: Path) -> None:
    more = folder / "20260103000000_more.sql"
    more.write_text("-- Two; in one.\nalter table notes add said text;\n\ncomment on table notes is 'a;b';\n")
    migrate(empty_url, folder=folder)
    # The CLI cuts at semicolons that end a statement, and drops those.
    cut = ["-- Two; in one.\nalter table notes add said text", "comment on table notes is 'a;b'"]
    record(empty_url, "20260103000000", cut)
    assert migrate(empty_url, folder=folder) == []
    record(empty_url, "20260103000000", [*cut, "drop table notes"])
    with pytest.raises(SetupError, match=r"20260103000000_more.sql was changed after it was applied"):
        migrate(empty_url, folder=folder)


def test_the_record_an_old_supabase_cli_made_is_completed(empty_url: str, folder: Path) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("create schema supabase_migrations")
        connection.execute("create table supabase_migrations.schema_migrations (version text primary key)")
        connection.execute("insert into supabase_migrations.schema_migrations values ('20260101000000')")
        connection.execute(ROLES)
    assert migrate(empty_url, folder=folder) == ["20260102000000_notes.sql"]
    recorded = fetch(empty_url, "select version, name from supabase_migrations.schema_migrations order by version")
    assert recorded == [("20260101000000", None), ("20260102000000", "notes")]


def test_postgrest_is_told_each_time_also_when_nothing_was_missing(empty_url: str, folder: Path) -> None:
    with psycopg.connect(empty_url, autocommit=True) as postgrest:
        postgrest.execute("listen pgrst")
        for _ in range(2):
            migrate(empty_url, folder=folder)
            heard = [note.payload for note in postgrest.notifies(timeout=30, stop_after=1)]
            assert heard == ["reload schema"]


def test_what_a_file_sets_ends_with_it(empty_url: str, folder: Path) -> None:
    (folder / "20260103000000_careless.sql").write_text("set search_path = pg_catalog;\nset statement_timeout = 1;\n")
    (folder / "20260104000000_next.sql").write_text("alter table notes add said text;\nselect pg_sleep(0.1);\n")
    assert len(migrate(empty_url, folder=folder)) == 4


def test_an_unreachable_database_is_one_clear_line(free_port: int) -> None:
    with pytest.raises(SetupError, match="migrations cannot reach the database"):
        migrate(f"postgresql://ann:secret@127.0.0.1:{free_port}/none")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:hush/hush@127.0.0.1/none", "must be written as"),
        ("postgresql://ann:hush@hush@127.0.0.1/none", "must be written as"),
        ("postgresql://ann:hu%sh@127.0.0.1/none", "must be written as"),
        ("postgresql://ann:[hush]@127.0.0.1/none", r"the brackets of the dashboard's \[YOUR-PASSWORD\] are to go"),
        ("postgresql://ann:hu[s]h@127.0.0.1/none", r"%5B \(\[\), %5D \(\]\)"),
        ("postgresql://ann:hu[sh@127.0.0.1/none", "must be written as"),
        ("postgresql://ann:hush@[::1/none", "cannot be read"),
        ("postgresql://ann:hush@127.0.0.1:port/none", "cannot reach the database"),
        ("postgresql://ann:hush@127.0.0.1/none?sslmode=hush", "cannot reach the database"),
        ("postgresql://ann:hush@127.0.0.1/none?no_such=1", "cannot be read"),
        ("host=127.0.0.1 password=hush", "must be like postgresql://"),
        ("postgresql://ann:hush@hush.invalid/none", "cannot reach the database"),
    ],
)
def test_no_complaint_about_an_address_shows_its_password(url: str, said: str) -> None:
    with pytest.raises(SetupError, match=said) as refused:
        migrate(url)
    assert "hu" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_services_log_in_as_a_role_that_row_level_security_binds(database_url: str, owner_url: str) -> None:
    role = "select current_user::text, rolsuper, rolbypassrls from pg_roles where rolname = current_user"
    assert fetch(database_url, role) == [("pulse_app", False, False)]
    assert fetch(owner_url, role) == [("postgres", True, True)]


def test_a_role_above_row_level_security_is_refused(postgres: Cluster, empty_url: str, folder: Path) -> None:
    migrate(empty_url, folder=folder)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("alter role pulse_app bypassrls")
        try:
            with pytest.raises(SetupError, match="neither superuser nor BYPASSRLS"):
                migrate(empty_url, "secret", folder)
        finally:
            connection.execute("alter role pulse_app nobypassrls")


def test_the_app_password_is_found_in_the_services_address_only_for_its_role() -> None:
    assert find_app_password("postgresql://pulse_app:p%40ss@db/pulse") == "p@ss"
    assert find_app_password("postgresql://pulse_app.project:pass@pooler:6543/pulse") == "pass"
    assert find_app_password("postgresql://somebody:pass@db/pulse") is None
    assert find_app_password("postgresql://pulse_app@db/pulse") is None
    with pytest.raises(SetupError, match="DATABASE_URL is not a PostgreSQL address"):
        find_app_password("mysql://db")


def test_the_command_says_what_is_missing_and_what_it_did(empty_url: str) -> None:
    words = [sys.executable, "-m", "ops.migrate"]
    bare = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    refused = subprocess.run(words, env=bare, capture_output=True, text=True)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "MIGRATE_DATABASE_URL is not set" in refused.stderr
    again = [
        subprocess.run(words, env={**bare, "MIGRATE_DATABASE_URL": empty_url}, capture_output=True, text=True)
        for _ in "12"
    ]
    assert [run.returncode for run in again] == [0, 0]
    assert "the database is up to date" in again[1].stdout
