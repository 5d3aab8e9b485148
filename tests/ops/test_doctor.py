"""`make doctor` at a Supabase project that is set up right, and at one with each thing wrong that it looks for."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.doctor.asking import Reply
from ops.doctor.asking import ask as question
from ops.doctor.examination import examine
from ops.doctor.project import check_clock
from ops.doctor.setup import read_setup
from ops.doctor.sign_in import PROBE
from tests.ops.doctor import NOWHERE, SITE, Open, ask, texts
from tests.ops.doctor import open_own_project as open_own_project  # fixtures
from tests.ops.doctor import open_project as open_project
from tests.standins.keys import ProjectKeys
from tests.standins.real_gotrue import PROGRAM


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
