"""`make doctor` at settings and addresses that do not fit each other, and where it reads them."""

from pathlib import Path

import pytest
from flask import Flask

from ops.doctor.setup import read_env_file, read_setup
from tests.ops.doctor import ask, texts
from tests.standins.server import serve


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
