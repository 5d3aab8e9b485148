"""`make doctor` at a project that is set up right, and at one with each thing wrong that it looks for."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from ops.doctor.asking import Reply
from ops.doctor.asking import ask as question
from ops.doctor.examination import examine
from ops.doctor.lines import Line
from ops.doctor.project import check_clock
from ops.doctor.setup import read_env_file, read_setup
from ops.doctor.sign_in import PROBE
from ops.places import ROOT
from ops.postgres import Cluster
from tests.conftest import Database
from tests.standins.keys import ProjectKeys
from tests.standins.project import SupabaseProject
from tests.standins.real_gotrue import PROGRAM
from tests.standins.server import serve

Open = Callable[..., SupabaseProject]
# Whatever runs on this machine, nobody listens there.
NOWHERE = {f"{name}_PORT": str(port) for port, name in enumerate(("AUTH", "CHAT", "WEBSOCKET", "PAGES"), 1)}
SITE = "http://localhost:1"


@pytest.fixture
def open_project(file_database: Database) -> Iterator[Open]:
    """A project over a migrated database; `auth` fields are GoTrue's options, everything else SupabaseProject's."""
    yield from _open_projects(file_database)


@pytest.fixture
def open_own_project(database: Database) -> Iterator[Open]:
    """The same over a database that the test may change."""
    yield from _open_projects(database)


def _open_projects(database: Database) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(auth: dict[str, Any] | None = None, **changed: Any) -> SupabaseProject:
            return stack.enter_context(SupabaseProject(database, auth={"site_url": SITE, **(auth or {})}, **changed))

        yield make


def ask(project: SupabaseProject | None, folder: Path, **changed: str) -> list[Line]:
    """The doctor's lines, with settings of the project; an empty one is left out. No line shows a secret."""
    settings = {**NOWHERE, **(project.settings if project else {}), **changed}
    setup = read_setup(settings, folder / ".env", folder)
    lines = list(examine(setup))
    shown = "\n".join(line.show(setup.secrets) for line in lines)
    for name, value in settings.items():
        if any(word in name for word in ("KEY", "SECRET", "TOKEN")) and value:
            assert value not in shown
    if project is not None and hasattr(project, "gotrue"):
        assert PROBE not in [user.email for user in project.gotrue._core.store.users.values()]
    return lines


def texts(lines: list[Line], kind: str) -> dict[str, str]:
    return {line.name: line.text for line in lines if line.kind == kind}


def test_a_project_that_is_set_up_right_has_nothing_to_mend(open_project: Open, tmp_path: Path) -> None:
    project = open_project()
    lines = ask(project, tmp_path, MIGRATE_DATABASE_URL=project.database.owner_url)
    assert texts(lines, "FAIL") == {}
    assert texts(lines, "skip") == {}
    assert set(texts(lines, "ok")) >= {
        *("settings", "MIGRATE_DATABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "project", "clock"),
        *("publishable key", "publishable key opens nothing", "secret key", "migrations", "error details"),
        *("auth settings", "google", "signing keys", "redirect allow-list", "site URL", "mailed link", "mailed code"),
        *("signing in", "cookies"),
    }
    links = [line.text for line in lines if line.name == "mailed link"]
    assert f"{SITE}/auth/confirm?token_hash=…&type=email&redirect_to={SITE}/auth/callback?request=…" in links[0]
    assert f"{project.url}/auth/v1/verify?token=…&type=magiclink&redirect_to=…" in links[1]
    assert project.mailbox.mails_to(PROBE) == []


def test_so_has_one_with_legacy_keys_that_signs_with_its_secret(open_project: Open, tmp_path: Path) -> None:
    lines = ask(open_project(keys="jwt", signing="HS256"), tmp_path)
    assert texts(lines, "FAIL") == {}
    assert "HS256" in texts(lines, "ok")["signing keys"]


@pytest.mark.skipif(not PROGRAM, reason="GOTRUE_BIN names no Supabase Auth server")
def test_so_has_one_with_the_real_supabase_auth_and_no_account_is_left_there(
    open_own_project: Open, tmp_path: Path
) -> None:
    project = open_own_project(real_auth=tmp_path)
    lines = ask(project, tmp_path)
    assert texts(lines, "FAIL") == {}
    assert "works" in texts(lines, "ok")["signing in"]
    with psycopg.connect(project.database.owner_url) as owner:
        assert owner.execute("select count(*) from auth.users").fetchone() == (0,)


def test_what_a_killed_run_left_behind_is_used_and_deleted(open_project: Open, tmp_path: Path) -> None:
    project = open_project()
    headers = {"apikey": project.secret_key, "Authorization": f"Bearer {project.secret_key}"}

    made = question("POST", f"{project.url}/auth/v1/admin/users", headers, {"email": PROBE, "email_confirm": True})
    assert made.status == 200
    assert texts(ask(project, tmp_path), "FAIL") == {}


KEYS = ProjectKeys("jwt")


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("SUPABASE_SECRET_KEY", {"SUPABASE_SECRET_KEY": ""}, "is not set"),
        (
            "SUPABASE_SECRET_KEY",
            {"SUPABASE_SECRET_KEY": "sb_publishable_of-somebody_else"},
            "is no secret key but a pub",
        ),
        (
            "SUPABASE_SECRET_KEY",
            {"SUPABASE_SECRET_KEY": KEYS.publishable_key},
            "is no secret key but a publishable key",
        ),
        ("SUPABASE_SECRET_KEY", {"SUPABASE_SECRET_KEY": "something else of some length"}, "nothing that looks like"),
        (
            "SUPABASE_PUBLISHABLE_KEY",
            {"SUPABASE_PUBLISHABLE_KEY": KEYS.secret_key},
            "is no publishable key but a secret",
        ),
        ("secret key", {"SUPABASE_SECRET_KEY": "sb_secret_that-was-revoked_long-ago"}, "is not taken"),
        ("publishable key", {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of-another_project"}, "is not taken"),
    ],
    ids=["none", "publishable", "anon", "other", "service_role", "revoked", "of another project"],
)
def test_a_wrong_key_is_named(
    open_project: Open, tmp_path: Path, name: str, changed: dict[str, str], said: str
) -> None:
    assert said in texts(ask(open_project(), tmp_path, **changed), "FAIL")[name]


def test_swapped_keys_are_said_to_be_swapped(open_project: Open, tmp_path: Path) -> None:
    project = open_project()
    swapped = {"SUPABASE_SECRET_KEY": project.publishable_key, "SUPABASE_PUBLISHABLE_KEY": project.secret_key}
    failed = texts(ask(project, tmp_path, **swapped), "FAIL")
    assert "the two keys are swapped" in failed["SUPABASE_SECRET_KEY"]
    assert "the two keys are swapped" in failed["SUPABASE_PUBLISHABLE_KEY"]


@pytest.mark.parametrize(
    ("auth", "settings", "name", "said"),
    [
        ({"autoconfirm": True}, {}, "auth settings", "confirmed without a mail"),
        ({"disable_signup": True}, {"SIGNUP": "open"}, "auth settings", "lets nobody new in, and SIGNUP is open"),
        ({"site_url": "http://localhost:3000"}, {}, "site URL", f"set it to AUTH_PUBLIC_URL, {SITE}"),
        (
            {"site_url": "https://pages.example.org"},
            {"AUTH_PUBLIC_URL": "http://auth.example.org", "PUBLIC_URL": "http://auth.example.org"},
            "redirect allow-list",
            "add http://auth.example.org/** to the redirect URLs",
        ),
        ({"uri_allow_list": ("**",)}, {}, "redirect allow-list", "links may lead anywhere"),
        ({"otp_length": 8}, {}, "mailed code", "has 8 digits, and auth asks for 6: set CODE_DIGITS=8"),
        ({}, {"SUPABASE_PUBLIC_URL": "https://abc.example.org"}, "mailed link", "set SUPABASE_PUBLIC_URL"),
    ],
)
def test_a_setting_of_supabase_auth_that_does_not_fit_is_named_with_what_to_do(
    open_project: Open, tmp_path: Path, auth: dict[str, Any], settings: dict[str, str], name: str, said: str
) -> None:
    assert said in texts(ask(open_project(auth), tmp_path, **settings), "FAIL")[name]


def test_settings_that_differ_from_the_defaults_and_fit_are_fine(open_project: Open, tmp_path: Path) -> None:
    project = open_project({"disable_signup": True, "otp_length": 8, "google": False})
    lines = ask(project, tmp_path, SIGNUP="invited", CODE_DIGITS="8")
    assert texts(lines, "FAIL") == {}
    assert "not offered" in texts(lines, "ok")["google"]


@pytest.mark.parametrize("secret", ["", "another-secret-of-thirty-two-characters"])
def test_a_legacy_secret_that_is_missing_or_wrong_is_named(open_project: Open, tmp_path: Path, secret: str) -> None:
    project = open_project(keys="jwt", signing="HS256")
    failed = texts(ask(project, tmp_path, SUPABASE_JWT_SECRET=secret), "FAIL")
    assert "SUPABASE_JWT_SECRET" in failed["signing keys"]
    assert "signed with the project's legacy secret" in failed["signing in"]


def test_a_wrong_legacy_secret_shows_in_signing_in_where_no_key_tells(open_project: Open, tmp_path: Path) -> None:
    project = open_project(keys="sb", signing="HS256")
    failed = texts(ask(project, tmp_path, SUPABASE_JWT_SECRET="another-secret-of-thirty-two-characters"), "FAIL")
    assert "SUPABASE_JWT_SECRET is another" in failed["signing in"]


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


def test_error_details_that_postgrest_hides_are_missed(open_project: Open, tmp_path: Path) -> None:
    failed = texts(ask(open_project(verbose_errors=False), tmp_path), "FAIL")
    assert "client-error-verbosity" in failed["error details"]


@pytest.mark.parametrize(
    ("kind", "said"), [("bad gateway before", "but not as Supabase"), ("hang before", "no answer within 0.3 seconds")]
)
def test_a_project_that_does_not_answer_right_is_one_failure_and_the_rest_is_skipped(
    open_project: Open, tmp_path: Path, kind: Any, said: str
) -> None:
    project = open_project()
    with project.gateway.faults.inject(kind, "/", times=1_000):
        # An error page comes at once, but maybe late on a busy machine.
        patience_seconds = 0.3 if kind == "hang before" else 5.0
        lines = list(
            examine(read_setup({**NOWHERE, **project.settings}, tmp_path / ".env", tmp_path, patience_seconds))
        )
    failed = texts(lines, "FAIL")
    assert list(failed) == ["project"]
    assert said in failed["project"]
    assert {"links", "migrations", "signing keys"} <= set(texts(lines, "skip"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://no-such-host.invalid", "there is no host of that name"),
        ("http://127.0.0.1:1", "nothing listens there"),
        ("http://127.0.0.1:1/rest/v1", "has a path"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(tmp_path: Path, url: str, said: str) -> None:
    lines = ask(
        None, tmp_path, SUPABASE_URL=url, SUPABASE_SECRET_KEY="sb_secret_x", SUPABASE_PUBLISHABLE_KEY="sb_publishable_x"
    )
    assert said in texts(lines, "FAIL")["project"]


def test_a_project_that_is_asked_by_the_wrong_scheme_is_told_from_one_that_is_not_there(
    open_project: Open, tmp_path: Path
) -> None:
    project = open_project()
    failed = texts(ask(project, tmp_path, SUPABASE_URL=project.url.replace("http:", "https:")), "FAIL")
    assert "it does not speak TLS" in failed["project"]


def test_a_key_copied_with_its_dots_is_no_crash(open_project: Open, tmp_path: Path) -> None:
    failed = texts(ask(open_project(), tmp_path, SUPABASE_SECRET_KEY="sb_secret_…………………"), "FAIL")
    assert "characters that no key has" in failed["secret key"]


@pytest.mark.parametrize(
    ("ahead", "kind"), [(0.4, "ok"), (-9.0, "warn"), (9.0, "warn"), (-31.0, "FAIL"), (31.0, "FAIL")]
)
def test_clocks_may_differ_by_seconds_and_not_by_half_a_minute(ahead: float, kind: str) -> None:
    (line,) = check_clock(Reply(200, {}, 0.1, ahead))
    assert line.kind == kind


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


@pytest.mark.parametrize(
    ("settings", "name", "said"),
    [
        (
            {"PUBLIC_URL": "https://chat.example.org", "AUTH_PUBLIC_URL": "http://chat.example.org"},
            "https",
            "differ in it",
        ),
        ({"AUTH_PUBLIC_URL": "http://auth.example.org"}, "cookies", "set COOKIE_DOMAIN to a domain above both"),
        ({"AUTH_URL": "http://127.0.0.1:1"}, "auth", "start it, or set AUTH_URL"),
        ({"SIGNUP": "nobody"}, "settings", "auth: SIGNUP"),
    ],
)
def test_addresses_and_settings_that_do_not_fit_are_named(
    tmp_path: Path, settings: dict[str, str], name: str, said: str
) -> None:
    assert said in texts(ask(None, tmp_path, **settings), "FAIL")[name]


def test_pages_that_send_people_elsewhere_are_found(tmp_path: Path) -> None:
    config: dict[str, str] = {}
    pages = Flask("pages")
    pages.add_url_rule("/config.json", view_func=lambda: config)
    with serve(pages) as url:
        config |= {"auth_url": url, "chat_url": url, "websocket_url": url}
        origin = {"PUBLIC_URL": url, "AUTH_PUBLIC_URL": url}
        asked = {**origin, "CHAT_PUBLIC_URL": url, "WEBSOCKET_PUBLIC_URL": url}
        for settings in (origin, asked):
            lines = ask(None, tmp_path, **settings)
            assert "knows where auth, chat and websocket are" in texts(lines, "ok")["pages"]
        for name in ("auth", "chat", "websocket"):
            config[f"{name}_url"] = "http://127.0.0.1:1"
            failed = texts(ask(None, tmp_path, **asked), "FAIL")["pages"]
            assert failed.startswith(
                f"send people to http://127.0.0.1:1, not to {url}: give the pages the same {name.upper()}_"
            )
            config[f"{name}_url"] = url
        # Behind one origin: nobody said where chat is, and the pages took its port for granted.
        config["chat_url"] = "http://127.0.0.1:1"
        failed = texts(ask(None, tmp_path, **origin), "FAIL")["pages"]
        assert "for chat, which cannot be reached, nothing listens there: set CHAT_PUBLIC_URL" in failed


def test_who_may_join_is_asked_once_people_elsewhere_can_open_it(tmp_path: Path) -> None:
    assert "who may join" not in [line.name for line in ask(None, tmp_path)]
    elsewhere = {"PUBLIC_URL": "https://chat.invalid", "AUTH_PUBLIC_URL": "https://chat.invalid"}
    warned = texts(ask(None, tmp_path, **elsewhere), "warn")["who may join"]
    assert "SIGNUP and ADMIN_EMAILS not set here" in warned
    said = {"SIGNUP": "invited", "ADMIN_EMAILS": "ann@example.org"}
    assert texts(ask(None, tmp_path, **elsewhere, **said), "ok")["who may join"].startswith("invited")


def test_the_env_file_of_the_compose_stack_is_told_from_settings_of_ones_own(tmp_path: Path) -> None:
    compose = "PUBLIC_URL=https://chat.example.org\nSERVICE_TOKEN=of-the-containers\nSUPABASE_SECRET_KEY=a.b.c\n"
    (tmp_path / ".env").write_text(f"{compose}JWT_KEYS='[]'\n")
    lines = ask(None, tmp_path)
    assert "docker compose run" in texts(lines, "warn")["project"]
    # What runs beside the stack knows nothing of it.
    assert texts(lines, "FAIL") == {}
    assert "chat.example.org" not in "".join(line.text for line in lines)
    setup = read_setup({"SIGNUP": "open"}, tmp_path / ".env", tmp_path)
    assert (setup.get("SIGNUP"), setup.get("SERVICE_TOKEN"), setup.get("SUPABASE_SECRET_KEY")) == ("open", "", "")


def test_an_env_file_is_read_as_compose_reads_it(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("# SIGNUP=no\nSIGNUP=open # everybody\nexport A='x # y'\nB=\"two words\"\nC=a#b\n\nnonsense\nD=\n")
    assert read_env_file(env) == {"SIGNUP": "open", "A": "x # y", "B": "two words", "C": "a#b", "D": ""}
    assert read_env_file(tmp_path / "none") == {}
    setup = read_setup({"SIGNUP": "invited"}, env, tmp_path)
    assert (setup.get("SIGNUP"), setup.get("A")) == ("invited", "x # y")


def command(folder: Path, **settings: str) -> tuple[list[str], dict[str, str]]:
    """`make doctor` and its environment; an empty folder's, not this checkout's .env."""
    places = {"PULSE_VAR": str(folder), "PULSE_ENV_FILE": str(folder / ".env")}
    given = {"PATH": os.environ["PATH"], **NOWHERE, **places, **settings}
    return [sys.executable, "-m", "ops.doctor"], given


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    words, given = command(folder, **settings)
    return subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_command_exits_with_1_for_a_failure_and_2_for_settings_it_cannot_read(
    database: Database, tmp_path: Path
) -> None:
    fine, wrong = run(tmp_path, DATABASE_URL=database.url), run(tmp_path, DATABASE_URL=database.owner_url)
    assert (fine.returncode, wrong.returncode) == (0, 1)
    assert fine.stdout.endswith("nothing to mend\n")
    assert wrong.stdout.endswith("1 to mend\n")
    assert database.owner_url.split(":")[2].split("@")[0] not in wrong.stdout + wrong.stderr
    # By the file that is named, as much as by the environment.
    (tmp_path / ".env").write_text("NODES=x\n")
    unread = run(tmp_path)
    assert unread.returncode == 2
    assert unread.stderr.startswith("pulse: NODES")


def test_interrupting_it_leaves_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        words, given = command(tmp_path, DATABASE_URL=f"postgresql://ann:x@127.0.0.1:{silent.getsockname()[1]}/none")
        # Tests run in the background have this signal ignored, and so would their children; at a terminal it counts.
        usual = signal.signal(signal.SIGINT, signal.default_int_handler)
        doctor = subprocess.Popen(words, env=given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, usual)
        with silent.accept()[0]:
            doctor.send_signal(signal.SIGINT)
            _, complaint = doctor.communicate(timeout=30)
    assert (doctor.returncode, complaint) == (130, "")


def test_nobody_who_reads_on_is_no_traceback_either(tmp_path: Path) -> None:
    words, given = command(tmp_path)
    doctor = subprocess.Popen(words, env=given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert doctor.stdout is not None
    doctor.stdout.close()
    doctor.stdout = None
    _, complaint = doctor.communicate(timeout=60)
    assert (doctor.returncode, complaint) == (141, "")


WITHOUT = """
import runpy, sys
from importlib.machinery import PathFinder
class Absent:
    def find_spec(name, path=None, target=None):
        hidden = name.partition(".")[0] in ("redis", "confluent_kafka")
        return None if hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Absent if finder is PathFinder else finder for finder in sys.meta_path]
runpy.run_module("ops.doctor", run_name="__main__")
"""


def test_it_runs_in_auths_container_which_has_only_what_auth_needs(tmp_path: Path) -> None:
    _, given = command(tmp_path, KAFKA_BOOTSTRAP_SERVERS="kafka:9092", REDIS_URL="redis://redis:6379")
    words = [sys.executable, "-c", WITHOUT]
    asked = subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert asked.stderr == ""
    assert "skip settings: chat's cannot be read here" in asked.stdout
    assert "skip REDIS_URL: " in asked.stdout
    assert "skip KAFKA_BOOTSTRAP_SERVERS: " in asked.stdout
