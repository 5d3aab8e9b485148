"""Settings that can't work are said all at once, before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from services.auth.settings import AuthSettings
from shared.settings import SettingsError
from tests.auth.conftest import AUTH_SECRET, SERVICE_TOKEN, MakeApp, read_settings
from tests.auth.providers import OWN_TOKENS, builtin_only
from tests.auth.visitor import Visitor

URL = "postgresql://pulse_app:x@127.0.0.1:1/none"
SMTP = {"SMTP_URL": "smtp://localhost", "MAIL_FROM": "Pulse <pulse@example.org>"}


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read_settings(URL, **environ)
    return refused.value.problems


def test_everything_that_is_missing_or_wrong_is_said_in_one_reading() -> None:
    with pytest.raises(SettingsError) as refused:
        AuthSettings.read(
            {
                "HOST": "0.0.0.0",
                "PUBLIC_URL": "https://chat.example.org",
                "AUTH_SECRET": "short",
                "SIGNUP": "everyone",
                "ADMIN_EMAILS": "ann",
                "ACCESS_TOKEN_SECONDS": "3600",
            }
        )
    names = sorted({problem.split(" ")[0].rstrip(":") for problem in refused.value.problems})
    assert names == [
        "ACCESS_TOKEN_SECONDS",
        "ADMIN_EMAILS",
        "AUTH_SECRET",
        "COOKIE_DOMAIN",
        "DATABASE_URL",
        "SERVICE_TOKEN",
        "SIGNUP",
        "SMTP_URL",
    ]


def test_beyond_loopback_mail_must_go_out() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "auth.internal"):
        [problem] = problems(HOST=host)
        assert problem.startswith(f"SMTP_URL: is needed because HOST={host} is not loopback")
        assert read_settings(URL, HOST=host, **SMTP).signup_policy.domains == frozenset()
    for host in ("127.0.0.1", "localhost", "::1"):
        assert read_settings(URL, HOST=host).signup_policy.domains is None
        assert read_settings(URL, HOST=host).keeps_mails


@pytest.mark.parametrize("origin", ["https://chat.example.org", "http://192.0.2.7", "http://127.0.0.1.nip.io"])
def test_what_a_proxy_publishes_has_no_inbox_of_everybodys_mails(origin: str) -> None:
    published = {"HOST": "127.0.0.1", "PUBLIC_URL": origin, "AUTH_PUBLIC_URL": origin, "SIGNUP": "open"}
    [problem] = problems(**published)
    assert problem.startswith(f"SMTP_URL: is needed because PUBLIC_URL={origin} is not loopback")
    assert not read_settings(URL, **published, **SMTP).keeps_mails
    only_auth = {"PUBLIC_URL": "http://localhost:3000", "AUTH_PUBLIC_URL": origin}
    assert f"SMTP_URL: is needed because AUTH_PUBLIC_URL={origin} is not" in "".join(problems(**only_auth))
    keys = {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_" + "x" * 20, "SUPABASE_SECRET_KEY": "sb_secret_" + "x" * 20}
    assert read_settings(URL, **published, SUPABASE_URL="https://abc.supabase.co", **keys).smtp is None


def test_only_what_nobody_elsewhere_can_open_lets_strangers_in_and_makes_the_first_of_them_admin() -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:3000"):
        policy = read_settings(URL, PUBLIC_URL=origin, AUTH_PUBLIC_URL=origin).signup_policy
        assert (policy.domains, policy.first_is_admin) == (None, True)
    for origin in ("https://chat.example.org", "http://192.0.2.7"):
        behind_a_proxy = {"HOST": "127.0.0.1", "PUBLIC_URL": origin, "AUTH_PUBLIC_URL": origin}
        policy = read_settings(URL, **behind_a_proxy, **SMTP).signup_policy
        assert (policy.domains, policy.first_is_admin) == (frozenset(), False)
        assert read_settings(URL, SIGNUP="open", **behind_a_proxy, **SMTP).signup_policy.domains is None


def test_smtp_needs_a_sender_and_neither_may_be_nonsense() -> None:
    assert problems(SMTP_URL="smtp://localhost")[0].startswith("MAIL_FROM: is needed beside SMTP_URL")
    for url in ("localhost:25", "http://localhost", "smtp://", "smtp://localhost:99999", "smtp://localhost?timeout=0"):
        assert problems(**{**SMTP, "SMTP_URL": url})[0].startswith("SMTP_URL: must be like smtp+starttls://")
    for sender in ("Pulse", "Pulse <>", "a@b\r\nBcc: c@d", "@example.org", "a@b.org>", "Pulse <a@b.org> x"):
        assert problems(**{**SMTP, "MAIL_FROM": sender})[0].startswith("MAIL_FROM: ")
    # A password in it must not be repeated on a terminal.
    assert "hunter2" not in str(problems(**{**SMTP, "SMTP_URL": "smpt://ann:hunter2@localhost"}))


def test_pages_and_auth_share_cookies_or_it_is_said() -> None:
    apart = {"PUBLIC_URL": "https://chat.example.org", "AUTH_PUBLIC_URL": "https://auth.example.org", **SMTP}
    assert "COOKIE_DOMAIN: PUBLIC_URL (chat.example.org) and AUTH_PUBLIC_URL (auth.example.org)" in problems(**apart)[0]
    assert problems(COOKIE_DOMAIN="ample.org", **apart)[0].startswith("COOKIE_DOMAIN: is not a domain above")
    assert "127.0.0.1" in problems(PUBLIC_URL="http://127.0.0.1:3000")[0]
    assert read_settings(URL, COOKIE_DOMAIN="example.org", **apart).cookie_domain == "example.org"
    together = {"PUBLIC_URL": "https://example.org", "AUTH_PUBLIC_URL": "https://example.org/auth-service"}
    assert read_settings(URL, **together, **SMTP).cookie_domain is None


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = read_settings(
        "postgresql://pulse_app:hunter2@127.0.0.1/x", SMTP_URL="smtp://a:hunter2@h", MAIL_FROM="a@b.org"
    )
    for secret in ("hunter2", AUTH_SECRET, SERVICE_TOKEN):
        assert secret not in repr(settings)


def start(**environ: str) -> subprocess.CompletedProcess[str]:
    path = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    words = [sys.executable, "-m", "services.auth"]
    return subprocess.run(words, env={**path, **environ}, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_ends_with_a_line_for_each_problem() -> None:
    run = start(HOST="0.0.0.0")
    assert run.returncode == 2
    assert [line.split(" ")[1].rstrip(":") for line in run.stderr.splitlines()] == [
        "SERVICE_TOKEN",
        "DATABASE_URL",
        "AUTH_SECRET",
        "SMTP_URL",
    ]


@builtin_only(OWN_TOKENS)
def test_another_secret_than_the_databases_is_said_at_the_start(make_app: MakeApp, database_url: str) -> None:
    Visitor(make_app(), "ann@example.org").sign_in()
    run = start(
        DATABASE_URL=database_url, SERVICE_TOKEN=SERVICE_TOKEN, AUTH_SECRET="another secret, also of 32 letters or more"
    )
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "AUTH_SECRET is not the secret that this database's signing keys were sealed with" in run.stderr
    ready = make_app(AUTH_SECRET="another secret, also of 32 letters or more").test_client().get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["dependencies"]["keys"].startswith("AUTH_SECRET is not the one")
    assert make_app().test_client().get("/readyz").status_code == 200


def test_without_a_database_auth_says_so_and_does_not_fall_over(make_app: MakeApp, free_port: int) -> None:
    down = make_app(DATABASE_URL=f"postgresql://pulse_app:x@127.0.0.1:{free_port}/none").test_client()
    assert down.get("/healthz").status_code == 200
    ready = down.get("/readyz")
    assert (ready.status_code, ready.get_json()["code"]) == (503, "not_ready")
    answer = down.post("/auth/login", json={"email": "ann@example.org"})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
