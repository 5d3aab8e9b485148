"""docker-compose.yml: by the Compose schema, and by the rules we hold it to."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from frontend.server.settings import PagesSettings
from ops.keys import MAKERS, make_keys, read_values
from ops.places import ROOT
from services.auth.settings import AuthSettings
from services.chat.bridge.settings import BridgeSettings
from services.chat.settings import ChatSettings
from services.websocket.settings import WebsocketSettings
from shared.settings import Settings, SettingsError
from tests.ops.compose import (
    COMPOSE,
    EXAMPLE,
    HOSTED,
    Required,
    fill_in,
    find_variables,
    read_compose,
    read_environment,
    read_hosted,
    read_services,
)

SERVICES = sorted(read_services())
OURS: dict[str, type[Settings]] = {
    "auth": AuthSettings,
    "bridge": BridgeSettings,
    "chat": ChatSettings,
    "pages": PagesSettings,
    "websocket": WebsocketSettings,
}
NAMED = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
EXACT = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+[\d.]*)*$")
ONLY_ONCE = {"migrate"}
KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "DELIVERY": "kafka"}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a fresh .env holds."""
    env = tmp_path_factory.mktemp("compose") / ".env"
    make_keys(EXAMPLE, env)
    return read_values(env.read_text())


def test_the_file_is_sound_by_the_compose_schema() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelt_key_is_refused_by_the_compose_schema(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("    healthcheck:", "    healthchek:"))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(wrong)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1


def test_example_and_compose_name_the_same_variables() -> None:
    used = {name for file in (COMPOSE, HOSTED) for name, _ in find_variables(file.read_text())}
    assert sorted(NAMED.findall(EXAMPLE.read_text())) == sorted(used)


def test_every_variable_of_the_example_is_explained_in_the_line_above() -> None:
    lines = EXAMPLE.read_text().splitlines()
    bare = [line for above, line in zip(["", *lines], lines, strict=False) if NAMED.match(line) and above[:2] != "# "]
    assert bare == []


def test_no_secret_has_a_value_in_the_example_or_a_default_in_compose() -> None:
    example = read_values(EXAMPLE.read_text())
    assert [name for name in MAKERS if example[name]] == []
    found = list(find_variables(COMPOSE.read_text()))
    assert [name for name, operator in found if name in MAKERS and operator != ":?"] == []


@pytest.mark.parametrize("name", [*MAKERS, "PUBLIC_URL"])
def test_nothing_starts_without(name: str, values: dict[str, str]) -> None:
    with pytest.raises(Required, match=f"^{name}$"):
        fill_in(COMPOSE.read_text(), values | {name: ""})


def test_with_what_make_keys_makes_everything_is_given(values: dict[str, str]) -> None:
    fill_in(COMPOSE.read_text(), values)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_exactly_one_version(name: str) -> None:
    service = read_services()[name]
    if "build" in service:
        images = re.findall(r"^FROM (\S+)", (ROOT / service["build"]["dockerfile"]).read_text(), re.MULTILINE)
    else:
        images = [service["image"]]
    assert images
    assert [image for image in images if not EXACT.match(image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_how_it_is_and_starts_again(name: str) -> None:
    service = read_services()[name]
    assert service["restart"] == ("on-failure:5" if name in ONLY_ONCE else "unless-stopped")
    if name in ONLY_ONCE:
        assert service["healthcheck"] == {"disable": True}
    elif "build" in service:
        assert "\nHEALTHCHECK " in (ROOT / service["build"]["dockerfile"]).read_text()
    else:
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_may_do_little(name: str) -> None:
    service = read_services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "kafka")
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "gateway" else [])
    assert not {"privileged", "network_mode", "pid"} & service.keys()


def test_only_the_gateway_is_published_and_mailpit_on_loopback() -> None:
    published = {name: service["ports"] for name, service in read_services().items() if "ports" in service}
    assert sorted(published) == ["gateway", "mailpit"]
    assert all(port.startswith("127.0.0.1:") for port in published["mailpit"])
    assert {fill_in(port, {}) for port in published["gateway"]} == {"80:80", "443:443", "443:443/udp"}


def test_what_keeps_data_reaches_nothing_outside() -> None:
    compose = read_compose()
    assert {name for name, network in compose["networks"].items() if not (network or {}).get("internal")} == {"edge"}
    outside = {name for name in SERVICES if "edge" in read_services()[name]["networks"]}
    assert outside == {"gateway", "auth-server", "mailpit"}
    assert "data" not in read_services()["gateway"]["networks"]


def list_befores(name: str) -> dict[str, str]:
    return {other: how["condition"] for other, how in read_services()[name].get("depends_on", {}).items()}


def test_the_start_order_is_database_project_migrations_services() -> None:
    assert list_befores("auth-server") == {"postgres": "service_healthy"}
    assert list_befores("migrate") == {"postgres": "service_healthy", "auth-server": "service_healthy"}
    for name in ("rest", "auth", "chat"):
        assert list_befores(name)["migrate"] == "service_completed_successfully"
    assert list_befores("chat")["auth"] == list_befores("websocket")["auth"] == "service_healthy"


def test_what_is_waited_for_can_become_healthy() -> None:
    for name in SERVICES:
        for other, condition in list_befores(name).items():
            assert (other in ONLY_ONCE) == (condition == "service_completed_successfully"), (name, other)
            assert "profiles" not in read_services()[other]


def test_kafka_and_the_bridge_start_only_when_asked_for() -> None:
    asked_for = {name: service["profiles"] for name, service in read_services().items() if "profiles" in service}
    assert asked_for == {"bridge": ["bridge"], "kafka": ["kafka"]}


def test_what_may_run_several_times_takes_no_port_and_no_name_for_itself() -> None:
    for name in ("auth", "chat", "websocket", "bridge"):
        assert not {"ports", "container_name", "hostname", "volumes"} & read_services()[name].keys()


def test_chat_and_every_websocket_share_the_redis_that_is_started(values: dict[str, str]) -> None:
    address = f"redis://:{values['REDIS_PASSWORD']}@redis:6379/0"
    given = {name: read_environment(name, values).get("REDIS_URL") for name in OURS}
    assert given == {"auth": None, "bridge": None, "chat": address, "pages": None, "websocket": address}
    started = read_services()["redis"]["command"][-1]
    assert "requirepass $$REDIS_PASSWORD" in started
    # With allkeys-…, Redis would throw away the stream of events when its memory is full.
    assert "--maxmemory-policy volatile-lru" in started


def test_another_redis_takes_its_place(values: dict[str, str]) -> None:
    asked = values | {"REDIS_URL": "rediss://:hunter2@redis.example.org:6380/1", "STREAM_BYTES": "1000000"}
    for name in ("chat", "websocket"):
        assert read_environment(name, asked)["REDIS_URL"] == asked["REDIS_URL"]
    assert WebsocketSettings.read(read_environment("websocket", asked)).stream_bytes == 1_000_000


SWITCHES = re.compile(r"^(KAFKA_|REDIS_|DELIVERY$|SENDS_PER_MINUTE$|STREAM_BYTES$|NODE_TTL_SECONDS$)")


@pytest.mark.parametrize("name", ["bridge", "chat", "websocket"])
def test_whatever_a_service_reads_of_kafka_and_redis_can_be_set(name: str, values: dict[str, str]) -> None:
    switches = {field.alias for field in OURS[name].model_fields.values() if SWITCHES.match(field.alias or "")}
    if name == "bridge":
        assert len(switches) == 6
    given = read_environment(name, values | {str(switch): "chosen" for switch in switches})
    assert {switch: given.get(str(switch)) for switch in switches} == dict.fromkeys(switches, "chosen")


def test_a_broker_that_wants_a_login_gets_it(values: dict[str, str]) -> None:
    login = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USERNAME": "pulse", "KAFKA_PASSWORD": "hunter2"}
    for name in ("bridge", "chat"):
        settings = OURS[name].read(read_environment(name, values | KAFKA | login))
        assert settings.model_dump(include={"kafka_security_protocol", "kafka_sasl_mechanism", "kafka_username"}) == {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_username": "pulse",
        }
        with pytest.raises(SettingsError, match="KAFKA_PASSWORD: is needed"):
            OURS[name].read(read_environment(name, values | KAFKA | login | {"KAFKA_PASSWORD": ""}))


def test_kafka_is_left_out_until_it_is_named(values: dict[str, str]) -> None:
    alone = ChatSettings.read(read_environment("chat", values))
    assert (alone.kafka_bootstrap_servers, alone.delivery) == ((), "direct")
    asked = values | KAFKA
    beside = ChatSettings.read(read_environment("chat", asked))
    assert (beside.kafka_bootstrap_servers, beside.delivery) == (("kafka:9092",), "kafka")
    assert BridgeSettings.read(read_environment("bridge", asked)).kafka_bootstrap_servers == ("kafka:9092",)
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS"):
        ChatSettings.read(read_environment("chat", values | {"DELIVERY": "kafka"}))


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_service_is_given_settings_that_it_knows(name: str, values: dict[str, str]) -> None:
    known = {field.alias for field in OURS[name].model_fields.values()}
    assert sorted(set(read_environment(name, values)) - known) == []


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_service_takes_what_it_is_given(name: str, values: dict[str, str]) -> None:
    OURS[name].read(read_environment(name, values | KAFKA))


def test_each_service_is_reached_where_the_others_are_told(values: dict[str, str]) -> None:
    for name in OURS:
        for variable, value in read_environment(name, values).items():
            if variable in ("AUTH_URL", "CHAT_URL", "WEBSOCKET_URL"):
                service = variable.removesuffix("_URL").lower()
                assert value == f"http://{service}:{OURS[service].model_fields['port'].default}"


def test_one_origin_serves_everything(values: dict[str, str]) -> None:
    pages = read_environment("pages", values | {"PUBLIC_URL": "https://chat.example.org"})
    given = {value for name, value in pages.items() if name.endswith("_URL")}
    assert given == {"https://chat.example.org"}


def test_data_is_reached_directly_unless_the_address_is_emptied(values: dict[str, str]) -> None:
    direct = ChatSettings.read(read_environment("chat", values))
    assert direct.database_url is not None
    assert direct.database_url.get_secret_value().startswith("postgresql://pulse_app:")
    by_rpc = ChatSettings.read(read_environment("chat", values | {"DATABASE_URL": ""}))
    assert by_rpc.database_url is None
    assert by_rpc.supabase_url == "http://gateway:8000"


def test_a_service_without_its_secret_says_so(values: dict[str, str]) -> None:
    given: dict[str, Any] = read_environment("chat", values) | {"SERVICE_TOKEN": ""}
    with pytest.raises(SettingsError, match="SERVICE_TOKEN is not set"):
        ChatSettings.read(given)


def test_the_gateway_and_the_roles_are_given_what_their_files_name(values: dict[str, str]) -> None:
    caddyfile = (ROOT / "deploy" / "gateway" / "Caddyfile").read_text()
    named = set(re.findall(r"\{\$([A-Z_]+)", caddyfile))
    assert named == set(read_environment("gateway", values))
    roles = (ROOT / "deploy" / "postgres" / "roles.sql").read_text()
    asked = set(re.findall(r"^\\getenv \w+ (\w+)$", roles, re.MULTILINE))
    assert asked == {name for name in read_environment("postgres", values) if not name.startswith("POSTGRES_")}


def test_only_the_services_that_call_the_project_hold_its_secret_key(values: dict[str, str]) -> None:
    secret = values["SUPABASE_SECRET_KEY"]
    holders = {name for name in SERVICES if secret in read_environment(name, values).values()}
    assert holders == {"auth", "chat", "gateway"}  # the gateway compares with it


def run_compose(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    for words in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(words[0])
            and subprocess.run([*words, "version"], capture_output=True, check=False).returncode == 0
        ):
            return subprocess.run([*words, *arguments], capture_output=True, text=True, check=False)
    pytest.skip("docker compose is not installed")


def test_docker_compose_gives_what_these_tests_read(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    make_keys(EXAMPLE, env)
    words = ["--env-file", str(env), "--profile", "*", "-f", str(COMPOSE), "config", "--format", "json"]
    done = run_compose(words)
    assert done.returncode == 0, done.stderr
    values = read_values(env.read_text())
    given = {name: service.get("environment", {}) for name, service in json.loads(done.stdout)["services"].items()}
    assert given == {name: read_environment(name, values) for name in SERVICES}


def test_docker_compose_refuses_to_start_without_secrets() -> None:
    done = run_compose(["--env-file", str(EXAMPLE), "-f", str(COMPOSE), "config", "--quiet"])
    assert done.returncode != 0
    assert "run make keys" in done.stderr


PROJECT = {
    "PROJECT_URL": "https://abc.supabase.co",
    "PROJECT_PUBLISHABLE_KEY": "sb_publishable_0123456789abcdefghijkl_01234567",
    "PROJECT_SECRET_KEY": "sb_secret_0123456789abcdefghijkl_01234567",
}


def test_with_a_hosted_project_the_files_together_are_sound_by_the_compose_schema(tmp_path: Path) -> None:
    merged = tmp_path / "docker-compose.json"
    merged.write_text(json.dumps(read_hosted()))
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(merged)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_with_a_hosted_project_what_starts_is_ours_knows_its_settings_and_waits_for_nobody_else(
    values: dict[str, str],
) -> None:
    services = {name: one for name, one in read_hosted()["services"].items() if not one.get("profiles")}
    assert sorted(services) == ["auth", "chat", "gateway", "pages", "redis", "websocket"]
    for one in services.values():
        assert set(one.get("depends_on", {})) <= set(services)
    for name, settings in OURS.items():
        given = read_environment(name, {**values, **PROJECT, **KAFKA}, read_hosted()["services"])
        assert set(given) <= {field.alias for field in settings.model_fields.values()}
        settings.read(given)
    for name in ("auth", "chat"):
        given = read_environment(name, {**values, **PROJECT}, services)
        assert given["SUPABASE_URL"] == PROJECT["PROJECT_URL"]
        assert given["SUPABASE_SECRET_KEY"] == PROJECT["PROJECT_SECRET_KEY"]
        assert not given["DATABASE_URL"]
        assert "edge" in services[name]["networks"]
        with pytest.raises(Required, match=r"^PROJECT_"):
            read_environment(name, values, services)


def test_with_a_hosted_project_only_our_own_programs_start_and_use_it(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    make_keys(EXAMPLE, env)
    env.write_text(env.read_text() + "".join(f"{name}={value}\n" for name, value in PROJECT.items()))
    files = ["--env-file", str(env), "-f", str(COMPOSE), "-f", str(HOSTED)]
    done = run_compose([*files, "config", "--format", "json"])
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert sorted(services) == ["auth", "chat", "gateway", "pages", "redis", "websocket"]
    for name in sorted(OURS.keys() - {"bridge"}):
        settings, given = OURS[name], services[name]["environment"]
        assert set(given) <= {field.alias for field in settings.model_fields.values()}
        settings.read(given)
    for name in ("auth", "chat"):
        assert services[name]["environment"]["SUPABASE_URL"] == PROJECT["PROJECT_URL"]
        assert services[name]["environment"]["SUPABASE_SECRET_KEY"] == PROJECT["PROJECT_SECRET_KEY"]
        assert not services[name]["environment"]["DATABASE_URL"]
        assert "edge" in services[name]["networks"]


def test_a_hosted_project_must_be_named(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    make_keys(EXAMPLE, env)
    done = run_compose(["--env-file", str(env), "-f", str(COMPOSE), "-f", str(HOSTED), "config", "--quiet"])
    assert done.returncode != 0
    assert "PROJECT_" in done.stderr
