"""Settings are read once, and all problems are said together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services.chat.settings import ChatSettings
from shared.settings import SettingsError, origin_of

GOOD = {"SERVICE_TOKEN": "s" * 32, "DATABASE_URL": "postgresql://pulse_app:passphrase@127.0.0.1/pulse"}


def test_defaults_make_a_local_installation() -> None:
    settings = ChatSettings.read(GOOD)
    assert (settings.host, settings.port, settings.origins) == ("127.0.0.1", 5002, ("http://localhost:3000",))
    assert "passphrase" not in repr(settings)


def test_all_that_is_lacking_or_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        ChatSettings.read({"SERVICE_TOKEN": "short", "PORT": "http", "PUBLIC_URL": "chat.example.org"})
    text = "\n".join(wrong.value.problems)
    assert len(wrong.value.problems) == 4
    for name in ("SERVICE_TOKEN", "PORT", "PUBLIC_URL", "DATABASE_URL: is not set"):
        assert name in text
    assert "short" not in text


SUPABASE = {"SUPABASE_URL": "https://abc.supabase.co", "SUPABASE_SECRET_KEY": "sb_secret_" + "k" * 30}


def test_a_supabase_project_does_without_a_database_url() -> None:
    settings = ChatSettings.read({"SERVICE_TOKEN": "s" * 32, **SUPABASE})
    assert settings.database_url is None
    assert "k" * 30 not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"SUPABASE_SECRET_KEY": ""}, "SUPABASE_SECRET_KEY: is needed beside SUPABASE_URL"),
        ({"SUPABASE_SECRET_KEY": "short"}, "SUPABASE_SECRET_KEY: "),
        ({"SUPABASE_URL": "abc.supabase.co"}, "SUPABASE_URL: must be an address"),
        ({"SUPABASE_URL": ""}, "DATABASE_URL: is not set, and SUPABASE_URL neither"),
        ({"SUPABASE_JWT_SECRET": "short"}, "SUPABASE_JWT_SECRET: "),
    ],
)
def test_what_a_supabase_project_lacks_is_said(changed: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        ChatSettings.read({"SERVICE_TOKEN": "s" * 32, **SUPABASE, **changed})
    assert [line.startswith(problem) for line in wrong.value.problems] == [True]
    assert "short" not in str(wrong.value).replace("shorter", "")


def test_an_empty_variable_counts_as_unset() -> None:
    assert ChatSettings.read({**GOOD, "PORT": ""}).port == 5002


def test_origins_are_exact_and_without_repeats() -> None:
    settings = ChatSettings.read(
        {
            **GOOD,
            "PUBLIC_URL": "https://Chat.example.org:443/",
            "ALLOWED_ORIGINS": "https://chat.example.org, http://a:81",
        }
    )
    assert settings.origins == ("https://chat.example.org", "http://a:81")
    assert origin_of("http://localhost:80/x") == "http://localhost"


def test_a_service_started_without_settings_names_them_all_and_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.chat"],
        env={"PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert [line.split(" is not set")[0] for line in ended.stderr.splitlines()] == [
        "chat: SERVICE_TOKEN",
        "chat: DATABASE_URL:",
    ]


@pytest.mark.parametrize("port", ["abc", "99999"])
def test_a_port_that_is_none_is_said_like_every_other_problem(port: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        ChatSettings.read({**GOOD, "PUBLIC_URL": f"http://localhost:{port}"})
    assert [problem.startswith("PUBLIC_URL: has a port") for problem in wrong.value.problems] == [True]


def test_an_origin_by_address_is_written_as_browsers_do() -> None:
    assert origin_of("http://[::1]:3000/") == "http://[::1]:3000"
