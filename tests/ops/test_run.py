"""`make run` before anything starts: what a person has to mend is one clear line each, and what each child is told."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ops.errors import SetupError
from ops.local_secrets import load_secrets
from ops.lock import RunLock
from ops.plan import make_engines, make_migration, make_offer, make_services
from ops.ports import find_free_port
from ops.settings import PORTS, RunSettings
from shared.settings import SettingsError


def free_ports() -> dict[str, str]:
    ports: set[int] = set()
    while len(ports) < len(PORTS):
        ports.add(find_free_port())
    return {variable: str(port) for variable, port in zip(PORTS.values(), ports, strict=True)}


def run(var: Path, module: str = "ops.run", **settings: str) -> subprocess.CompletedProcess[str]:
    # Not the checkout's own .env, which `make keys` makes.
    own = {"PULSE_VAR": str(var), "PULSE_ENV_FILE": str(var / ".env")}
    environment = {"PATH": os.environ["PATH"], **own, **settings}
    return subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=60)


def test_every_busy_port_is_named_with_who_wants_it_and_how_to_choose_another(tmp_path: Path) -> None:
    ports = free_ports()
    with (
        socket.create_server(("127.0.0.1", int(ports["CHAT_PORT"]))) as chat,
        socket.create_server(("", 0)) as any_host,
    ):
        ports["POSTGRES_PORT"] = str(any_host.getsockname()[1])
        refused = run(tmp_path, **ports)
        assert chat
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"pulse: port {ports['CHAT_PORT']} is in use, and chat needs it: free it, or choose another with CHAT_PORT=…",
        f"pulse: port {ports['POSTGRES_PORT']} is in use, and postgres needs it:"
        " free it, or choose another with POSTGRES_PORT=…",
    ]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"AUTH_PORT": "http"}, "AUTH_PORT: Input should be a valid integer"),
        ({"CHAT_PORT": "70000"}, "CHAT_PORT: Input should be less than or equal to 65535"),
        ({"CHAT_PORT": "5001"}, "AUTH_PORT and CHAT_PORT are both 5001"),
        ({"MIGRATE_DATABASE_URL": "postgresql://db"}, "MIGRATE_DATABASE_URL is set and DATABASE_URL is not"),
        ({"HOST": "192.0.2.7"}, "on 192.0.2.7 cannot be listened on"),
    ],
)
def test_a_broken_setting_is_named_on_one_line(tmp_path: Path, settings: dict[str, str], line: str) -> None:
    refused = run(tmp_path, **{**free_ports(), **settings} if "HOST" in settings else settings)
    assert refused.returncode == 2
    assert line in refused.stderr.splitlines()[0]
    assert "Traceback" not in refused.stderr


def test_all_broken_settings_of_all_services_are_told_at_once(tmp_path: Path) -> None:
    settings = RunSettings.read({})
    offer = make_offer(settings, load_secrets(tmp_path), {"SERVICE_TOKEN": "short", "AUTH_SECRET": "short"})
    with pytest.raises(SettingsError) as refused:
        make_services(settings, offer)
    told = [problem.partition(":")[0:3:2] for problem in refused.value.problems]
    assert [(service, problem.split(":")[0].strip()) for service, problem in told] == [
        ("auth", "SERVICE_TOKEN"),
        ("auth", "AUTH_SECRET"),
        ("chat", "SERVICE_TOKEN"),
        ("websocket", "SERVICE_TOKEN"),
    ]


def test_each_child_is_told_its_own_settings_and_no_others_secrets(tmp_path: Path) -> None:
    settings = RunSettings.read({"PAGES_PORT": "8000", "AUTH_PORT": "8001"})
    kept = load_secrets(tmp_path)
    mine = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "mine", "MIGRATE_DATABASE_URL": "owner's", "LOG_LEVEL": "debug"}
    offer = make_offer(settings, kept, mine)
    told = {child.name: child.environment for child in make_services(settings, offer)}
    assert {name for name in told if "AUTH_SECRET" in told[name]} == {"auth"}
    assert {name for name in told if "DATABASE_URL" in told[name]} == {"auth", "chat"}
    assert {name for name in told if "SERVICE_TOKEN" in told[name]} == {"auth", "chat", "websocket"}
    for environment in told.values():
        assert environment["LOG_LEVEL"] == "debug"
        assert environment["PUBLIC_URL"] == "http://localhost:8000"
        assert environment.keys().isdisjoint({"AWS_SECRET_ACCESS_KEY", "MIGRATE_DATABASE_URL", "AUTH_PORT"})
    assert told["chat"]["AUTH_URL"] == "http://127.0.0.1:8001"
    assert told["pages"]["AUTH_PUBLIC_URL"] == "http://localhost:8001"
    assert "pulse_app" in told["chat"]["DATABASE_URL"]
    assert kept.postgres_password not in str(told)


SUPABASE = {
    "SUPABASE_URL": "https://abc.supabase.co",
    "SUPABASE_SECRET_KEY": "sb_secret_only-for-the-services-that-call-it",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_for-signing-in",
    "SUPABASE_JWT_SECRET": "a-legacy-secret-of-thirty-two-characters",
}


def test_with_a_supabase_project_no_postgresql_is_started_or_named(tmp_path: Path) -> None:
    settings = RunSettings.read(SUPABASE)
    assert "postgres" not in settings.ports
    told = {
        child.name: child.environment
        for child in make_services(settings, make_offer(settings, load_secrets(tmp_path), SUPABASE))
    }
    assert not any("DATABASE_URL" in environment for environment in told.values())
    knows = {name: {key for key in told[name] if key.startswith("SUPABASE_")} for name in told}
    assert knows == {
        "auth": set(SUPABASE),
        "chat": {"SUPABASE_URL", "SUPABASE_SECRET_KEY", "SUPABASE_JWT_SECRET"},
        "websocket": {"SUPABASE_JWT_SECRET"},
        "pages": set(),
    }
    assert "postgres" in RunSettings.read({}).ports


def test_a_supabase_projects_own_postgres_is_used_where_it_is_given(tmp_path: Path) -> None:
    given = {**SUPABASE, "DATABASE_URL": "postgresql://pulse_app:x@db.abc.supabase.co:5432/postgres"}
    settings = RunSettings.read(given)
    children = make_services(settings, make_offer(settings, load_secrets(tmp_path), given))
    told = {child.name: child.environment.get("DATABASE_URL") for child in children}
    assert told["auth"] == told["chat"] == given["DATABASE_URL"]
    assert not settings.is_embedded


def test_missing_keys_of_a_project_are_named_by_the_services_that_need_them(tmp_path: Path) -> None:
    given = {"SUPABASE_URL": SUPABASE["SUPABASE_URL"]}
    settings = RunSettings.read(given)
    with pytest.raises(SettingsError) as refused:
        make_services(settings, make_offer(settings, load_secrets(tmp_path), given))
    assert {tuple(problem.split()[:2]) for problem in refused.value.problems} == {
        ("auth:", "SUPABASE_SECRET_KEY:"),
        ("auth:", "SUPABASE_PUBLISHABLE_KEY:"),
        ("chat:", "SUPABASE_SECRET_KEY:"),
    }


def test_a_project_is_migrated_by_its_owners_address_with_or_without_one_for_the_services(tmp_path: Path) -> None:
    owners = {"MIGRATE_DATABASE_URL": "postgresql://postgres:x@db.abc.supabase.co:5432/postgres"}
    settings = RunSettings.read({**SUPABASE, **owners})
    offer = make_offer(settings, load_secrets(tmp_path), {**SUPABASE, **owners})
    told = make_migration(owners["MIGRATE_DATABASE_URL"], offer).environment
    assert told["MIGRATE_DATABASE_URL"] == owners["MIGRATE_DATABASE_URL"]
    assert "DATABASE_URL" not in told
    assert not any(key.startswith("SUPABASE_") for key in told)


def test_browsers_reach_the_services_under_the_host_name_of_the_pages() -> None:
    settings = RunSettings.read({"PUBLIC_URL": "http://chat.example.org:3000", "HOST": "0.0.0.0"})
    assert settings.browser_url("auth") == "http://chat.example.org:5001"
    assert settings.local_url("auth") == "http://127.0.0.1:5001"


def test_secrets_are_made_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    made = load_secrets(tmp_path)
    assert load_secrets(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len({made.postgres_password, made.app_password, made.service_token, made.auth_secret}) == 4
    assert len(made.auth_secret) >= 32


def test_lost_or_damaged_secrets_are_said_and_not_made_up_again(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(SetupError, match=r"secrets\.json is missing"):
        load_secrets(tmp_path)
    (tmp_path / "secrets.json").write_text('{"auth_secret": "x"')
    with pytest.raises(SetupError, match=r"secrets\.json is damaged"):
        load_secrets(tmp_path)


def test_only_one_run_holds_the_lock_of_a_checkout(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.take()
    assert not second.is_free()
    first.close()
    assert second.is_free()
    second.take()
    second.close()


def test_stopping_what_does_not_run_is_no_mistake(tmp_path: Path) -> None:
    for _ in range(2):
        stopped = run(tmp_path, "ops.stop")
        assert (stopped.returncode, stopped.stdout) == (0, "Pulse is not running\n")
        RunLock(tmp_path).close()


def plan(folder: Path, **given: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """What each child would be told, and the engines that would be started."""
    settings, kept = RunSettings.read(given), load_secrets(folder)
    offer = make_offer(settings, kept, given)
    told = {child.name: dict(child.environment) for child in make_services(settings, offer)}
    return told, [child.name for child in make_engines(settings, kept, offer)]


def test_several_nodes_get_a_port_each_one_address_and_a_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_VAR", str(tmp_path))
    given = {
        "HOST": "0.0.0.0",
        "SMTP_URL": "smtp://mail",
        "MAIL_FROM": "a@b.org",
        "WEBSOCKET_PORT": str(find_free_port()),
    }
    told, engines = plan(tmp_path, NODES="3", **given)
    nodes = [told[f"websocket-{number}"] for number in (1, 2, 3)]
    assert len({node["PORT"] for node in nodes} | {told["chat"]["WEBSOCKET_URL"].rpartition(":")[2]}) == 4
    assert {node["HOST"] for node in nodes} == {"127.0.0.1"}
    assert engines == ["redis"]
    assert {node["REDIS_URL"] for node in nodes} == {told["chat"]["REDIS_URL"]}
    assert told["pages"]["TRANSPORTS"] == "websocket"
    assert "SERVICE_TOKEN" not in told["balancer"]


def test_one_node_stays_as_it_was_and_starts_nothing_else(tmp_path: Path) -> None:
    told, engines = plan(tmp_path, NODES="1", REDIS="0", KAFKA="0")
    assert list(told) == ["auth", "chat", "websocket", "pages"]
    assert engines == []
    assert told["websocket"]["PORT"] == "5003"
    assert told["pages"].keys().isdisjoint({"TRANSPORTS"})
    assert told["chat"].keys().isdisjoint({"REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"})


def test_engines_of_ones_own_are_used_instead_of_started(tmp_path: Path) -> None:
    own = {"REDIS_URL": "redis://:x@redis.example.org:6379/0", "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9092"}
    told, engines = plan(tmp_path, NODES="2", REDIS="1", KAFKA="1", **own)
    assert engines == []
    assert told["websocket-2"]["REDIS_URL"] == own["REDIS_URL"]
    assert told["chat"]["KAFKA_BOOTSTRAP_SERVERS"] == own["KAFKA_BOOTSTRAP_SERVERS"]
    assert "KAFKA_BOOTSTRAP_SERVERS" not in told["websocket-1"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"NODES": "0"}, "NODES: Input should be greater than or equal to 1"),
        ({"NODES": "many"}, "NODES: Input should be a valid integer"),
        ({"REDIS": "redis://here"}, "REDIS: Input should be a valid boolean"),
        ({"REDIS": "1", "REDIS_PORT": "5003"}, "WEBSOCKET_PORT and REDIS_PORT are both 5003"),
        ({"PULSE_REDIS": "/no/such/redis", "REDIS": "1"}, "PULSE_REDIS=/no/such/redis is no program"),
        ({"PULSE_BROKER": "/no/such/tansu", "KAFKA": "1"}, "PULSE_BROKER=/no/such/tansu is no program"),
    ],
)
def test_a_system_that_cannot_be_started_is_one_clear_line(tmp_path: Path, settings: dict[str, str], line: str) -> None:
    ports = free_ports() if not settings.keys() & {"REDIS_PORT"} else {}
    refused = run(tmp_path, **{**ports, **settings})
    assert refused.returncode in (1, 2)
    assert line in refused.stderr.splitlines()[0]
    assert "Traceback" not in refused.stderr


def test_secrets_of_an_older_checkout_are_completed_and_the_others_kept(tmp_path: Path) -> None:
    load_secrets(tmp_path)
    made = json.loads((tmp_path / "secrets.json").read_text())
    del made["redis_password"]
    (tmp_path / "secrets.json").write_text(json.dumps(made))
    completed = load_secrets(tmp_path)
    assert completed == load_secrets(tmp_path)
    assert completed.auth_secret == made["auth_secret"]
    assert len(completed.redis_password) >= 32
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
