"""`make doctor` at a Redis and a Kafka: what is right, and each thing wrong that it can find out."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewTopic

from ops.doctor.examination import examine
from ops.doctor.lines import Line
from ops.doctor.setup import read_setup
from ops.engines import broker_command, find_broker, is_listening
from ops.ports import find_free_port
from tests.engines import Broker, RedisServer
from tests.ops.doctor import NOWHERE, texts
from tests.system.waiting import eventually


def ask(folder: Path, patience_seconds: float = 5.0, **settings: str) -> list[Line]:
    setup = read_setup({**NOWHERE, **settings}, folder / ".env", folder, patience_seconds)
    lines = list(examine(setup))
    shown = "\n".join(line.show(setup.secrets) for line in lines)
    assert "redis-in-tests" not in shown
    return lines


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """To change how it is set up; put back afterwards."""
    with redis_server.connect() as connection:
        before = connection.config_get("maxmemory*")
        yield connection
        connection.config_set("maxmemory", before["maxmemory"], "maxmemory-policy", before["maxmemory-policy"])
        connection.acl_deluser("ann")


def test_a_redis_as_it_should_be_has_nothing_to_mend_and_nothing_is_left_in_it(
    redis_server: RedisServer, server: redis.Redis, tmp_path: Path
) -> None:
    lines = ask(tmp_path, REDIS_URL=redis_server.url)
    assert texts(lines, "FAIL") == {}
    fine = texts(lines, "ok")
    assert "lets us in" in fine["REDIS_URL"]
    assert "under pulse:" in fine["Redis' rights"]
    assert "volatile-lru" in fine["Redis' memory"]
    assert [key for key in server.scan_iter() if server.ttl(key) < 0] == []


def test_a_password_that_is_wrong_or_missing_is_said_and_not_shown(redis_server: RedisServer, tmp_path: Path) -> None:
    for url in (redis_server.url.replace("redis-in-tests", "guessed-it"), f"redis://127.0.0.1:{redis_server.port}"):
        failed = texts(ask(tmp_path, REDIS_URL=url), "FAIL")["REDIS_URL"]
        assert "the password is not taken" in failed
        assert "guessed-it" not in failed


def test_a_redis_that_is_not_there_or_says_nothing_is_told_apart(tmp_path: Path) -> None:
    away = f"redis://127.0.0.1:{find_free_port()}"
    assert "start it, or mend the address" in texts(ask(tmp_path, REDIS_URL=away), "FAIL")["REDIS_URL"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        assert "no answer in time" in texts(ask(tmp_path, 0.3, REDIS_URL=url), "FAIL")["REDIS_URL"]


@pytest.mark.parametrize(
    ("policy", "limit", "said"),
    [
        ("allkeys-lru", "100mb", "events that were not yet read are thrown away"),
        ("noeviction", "100mb", "live events wait until some are free"),
    ],
)
def test_a_full_memory_that_would_hurt_is_warned_of(
    redis_server: RedisServer, server: redis.Redis, tmp_path: Path, policy: str, limit: str, said: str
) -> None:
    server.config_set("maxmemory", limit, "maxmemory-policy", policy)
    warned = texts(ask(tmp_path, REDIS_URL=redis_server.url), "warn")["Redis' memory"]
    assert said in warned
    assert "volatile-lru" in warned


def test_without_a_limit_no_policy_matters(redis_server: RedisServer, server: redis.Redis, tmp_path: Path) -> None:
    server.config_set("maxmemory", "0", "maxmemory-policy", "noeviction")
    assert "no limit" in texts(ask(tmp_path, REDIS_URL=redis_server.url), "ok")["Redis' memory"]


def test_a_login_that_lacks_rights_is_told_which(
    redis_server: RedisServer, server: redis.Redis, tmp_path: Path
) -> None:
    server.acl_setuser("ann", enabled=True, passwords=["+ann"], keys=["other:*"], categories=["+@all"])
    url = f"redis://ann:ann@127.0.0.1:{redis_server.port}"
    refused = texts(ask(tmp_path, REDIS_URL=url), "FAIL")["Redis' rights"]
    assert "XADD" in refused
    assert "keys pulse:*" in refused
    assert "Redis' rights" in texts(ask(tmp_path, REDIS_URL=url, REDIS_PREFIX="other"), "ok")


def test_a_replica_is_no_place_to_write_to(redis_server: RedisServer, server: redis.Redis, tmp_path: Path) -> None:
    server.replicaof("127.0.0.1", find_free_port())
    try:
        assert "name the primary" in texts(ask(tmp_path, REDIS_URL=redis_server.url), "FAIL")["REDIS_URL"]
    finally:
        server.replicaof("no", "one")


def test_a_kafka_has_nothing_to_mend_before_chat_has_made_its_topics_and_after(broker: Broker, tmp_path: Path) -> None:
    for partitions in ("12", "4"):
        lines = ask(tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap, KAFKA_PARTITIONS=partitions)
        assert texts(lines, "FAIL") == {}
        assert "lets us in" in texts(lines, "ok")["KAFKA_BOOTSTRAP_SERVERS"]
        assert {"chat.messages", "chat.users"} <= texts(lines, "ok").keys() | texts(lines, "skip").keys()
        make_topics(broker, 12)
    assert "has 12 partitions, KAFKA_PARTITIONS is 4" in texts(lines, "warn")["chat.messages"]


def test_the_bridge_s_own_topic_may_have_other_partitions(broker: Broker, tmp_path: Path) -> None:
    make_topics(broker, 1, "chat.dead")
    lines = ask(tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap, KAFKA_PARTITIONS="4")
    assert "chat.dead" in texts(lines, "ok")
    assert "chat.dead" not in texts(lines, "warn")


def make_topics(broker: Broker, partitions: int, *names: str) -> None:
    topics = [NewTopic(name, num_partitions=partitions) for name in names or ("chat.messages", "chat.users")]
    for made in broker.connect().create_topics(topics).values():
        with suppress(KafkaException):  # it may be there
            made.result(30)


def test_a_broker_that_advertises_where_nobody_reaches_it_is_found(tmp_path: Path) -> None:
    bootstrap, elsewhere = find_free_port(), find_free_port()
    words = broker_command(find_broker(), bootstrap)
    words[words.index("--advertised-listener-url") + 1] = f"tcp://127.0.0.1:{elsewhere}"
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as broker:
        try:
            eventually(lambda: is_listening(bootstrap), "the broker")
            failed = texts(ask(tmp_path, 2.0, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{bootstrap}"), "FAIL")
        finally:
            broker.kill()
    assert f"one says it is at 127.0.0.1:{elsewhere}, which cannot be reached" in failed["Kafka's brokers"]


def test_a_kafka_that_is_not_there_or_says_nothing_is_one_failure(tmp_path: Path) -> None:
    failed = texts(ask(tmp_path, 1.0, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{find_free_port()}"), "FAIL")
    assert "cannot be reached" in failed["KAFKA_BOOTSTRAP_SERVERS"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        assert (
            "cannot be reached"
            in texts(ask(tmp_path, 1.0, KAFKA_BOOTSTRAP_SERVERS=place), "FAIL")["KAFKA_BOOTSTRAP_SERVERS"]
        )


def test_addresses_that_cannot_be_read_are_said_by_the_services_that_read_them(tmp_path: Path) -> None:
    lines = ask(tmp_path, REDIS_URL="http://127.0.0.1:6379", KAFKA_BOOTSTRAP_SERVERS="kafka")
    told = [line.text for line in lines if line.kind == "FAIL" and line.name == "settings"]
    assert any("REDIS_URL" in text for text in told)
    assert any("KAFKA_BOOTSTRAP_SERVERS" in text for text in told)
