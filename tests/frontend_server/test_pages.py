"""The page server, over a small made-up build."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from frontend.server.app import create_app
from frontend.server.settings import PagesSettings
from shared.settings import SettingsError

INDEX = "<!doctype html><title>Pulse</title>"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CONVERSATION = "/chat/6c0b1a3e-7c55-4a9e-9c52-0f9b8f3c3f11"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-C0ffee42.js").write_text("1")
    return tmp_path


def client_of(dist: Path, **environ: str) -> FlaskClient:
    return create_app(PagesSettings.read(environ), dist).test_client()


@pytest.mark.parametrize("path", ["/login", "/chat", CONVERSATION, CONVERSATION.replace("/chat/", "/chat/with/")])
def test_every_address_of_the_pages_answers_the_one_page(dist: Path, path: str) -> None:
    answer = client_of(dist).get(path, headers=BROWSER)
    assert (answer.status_code, answer.text) == (200, INDEX)
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/chat/not-an-id", "/nothing", "/chat/with", "/assets/gone.js"])
def test_an_unknown_address_is_404_in_the_callers_language(dist: Path, path: str) -> None:
    client = client_of(dist)
    for_programs = client.get(path, headers={"Accept": "application/json"})
    assert (for_programs.status_code, for_programs.get_json()["code"]) == (404, "not_found")
    for_people = client.get(path, headers=BROWSER)
    assert for_people.status_code == 404
    # A missing script must never be answered with a page.
    assert (INDEX in for_people.text) == (not path.startswith("/assets/"))


def test_the_front_door_leads_to_the_chat(dist: Path) -> None:
    answer = client_of(dist).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/chat")


def test_assets_are_kept_for_ever_and_other_files_asked_for_each_time(dist: Path) -> None:
    client = client_of(dist)
    assert "immutable" in client.get("/assets/index-C0ffee42.js", buffered=True).headers["Cache-Control"]
    assert client.get("/favicon.svg", buffered=True).headers["Cache-Control"] == "max-age=0, public"


def test_the_config_names_the_services_and_is_never_stored(dist: Path) -> None:
    answer = client_of(dist, AUTH_PUBLIC_URL="https://auth.example.org", TRANSPORTS="websocket").get("/config.json")
    assert answer.get_json() == {
        "auth_url": "https://auth.example.org",
        "chat_url": "http://localhost:5002",
        "websocket_url": "http://localhost:5003",
        "transports": ["websocket"],
    }
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/chat", "/config.json", "/favicon.svg", "/assets/index-C0ffee42.js", "/nothing"])
def test_every_answer_carries_the_security_headers(dist: Path, path: str) -> None:
    client = client_of(
        dist, PUBLIC_URL="https://chat.example.org", WEBSOCKET_PUBLIC_URL="https://chat.example.org:5003"
    )
    headers = client.get(path, base_url="https://chat.example.org", buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "wss://chat.example.org:5003" in policy["connect-src"].split()
    assert "http://localhost:5001" in policy["connect-src"].split()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_promises_no_https(dist: Path) -> None:
    assert "Strict-Transport-Security" not in client_of(dist).get("/chat").headers


def test_whoever_comes_by_another_name_is_sent_to_ours(dist: Path) -> None:
    client = client_of(dist)
    answer = client.get("/login?next=/chat", base_url="http://127.0.0.1:3000")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost:3000/login?next=/chat")
    hostile = client.get("//evil.example/%0d%0aX: 1", base_url="http://127.0.0.1:3000")
    assert hostile.headers.get("Location", "http://localhost:3000/").startswith("http://localhost:3000/")


def test_our_own_name_and_health_checks_are_not_redirected(dist: Path) -> None:
    client = client_of(dist)
    assert client.get("/chat", base_url="http://localhost:9999").status_code == 200
    assert client.get("/healthz", base_url="http://127.0.0.1:3000").status_code == 200


def test_without_a_build_it_lives_but_says_what_to_run(tmp_path: Path) -> None:
    client = client_of(tmp_path)
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "npm run build" in ready.text
    page = client.get("/chat", headers=BROWSER)
    assert (page.status_code, "npm run build" in page.text) == (503, True)


def test_all_broken_settings_are_reported_together() -> None:
    with pytest.raises(SettingsError) as caught:
        PagesSettings.read({"PUBLIC_URL": "nonsense", "TRANSPORTS": "pigeon", "PORT": "many"})
    assert {problem.split(":")[0] for problem in caught.value.problems} == {"PUBLIC_URL", "TRANSPORTS", "PORT"}


def test_the_program_exits_with_a_line_for_each_problem() -> None:
    environ = {"PUBLIC_URL": "nonsense", "PORT": "many", "PATH": ""}
    command = [sys.executable, "-m", "frontend.server"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert sorted(line.split(":")[1].strip() for line in ended.stderr.splitlines()) == ["PORT", "PUBLIC_URL"]
