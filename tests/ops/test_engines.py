"""Redis and the broker start on loopback, let nobody in without the password, and come back where they were."""

import stat
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic

from ops.engines import find_broker, find_redis, is_listening, redis_command
from ops.errors import SetupError
from tests.engines import Broker, RedisServer
from tests.system.waiting import eventually


def test_redis_lets_in_with_the_password_and_nobody_without(redis_server: RedisServer) -> None:
    with redis_server.connect() as connection:
        assert connection.xadd("stream", {"what": "hello"})
        assert connection.xlen("stream") == 1
    with (
        redis.Redis(port=redis_server.port) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_redis_comes_back_on_its_port_after_a_kill_and_holds_still_while_paused(redis_server: RedisServer) -> None:
    with redis_server.connect() as connection:
        before = connection.info("server")["run_id"]
        redis_server.kill()
        assert not is_listening(redis_server.port)
        redis_server.up()
        assert connection.info("server")["run_id"] != before
    redis_server.pause()
    with (
        redis.Redis.from_url(redis_server.url, socket_timeout=0.2) as connection,
        pytest.raises(redis.TimeoutError),
    ):
        connection.ping()
    redis_server.resume()
    redis_server.wait_until_ready()


def test_no_list_of_processes_and_no_other_user_reads_the_password(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    assert "secret-of-redis" not in " ".join(redis_command(find_redis(), 6379, folder, "secret-of-redis"))
    assert "secret-of-redis" in (folder / "redis.conf").read_text()
    assert stat.S_IMODE((folder / "redis.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_broker_takes_messages_and_comes_back_empty_after_a_kill(broker: Broker) -> None:
    admin, topic = broker.connect(), f"chat.tried.{uuid4()}"
    admin.create_topics([NewTopic(topic, num_partitions=3)])[topic].result(30)
    assert len(admin.list_topics(timeout=30).topics[topic].partitions) == 3
    failed: list[object] = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    producer.produce(topic, b"hello", key=b"key", on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(20) == 0
    assert failed == [None]
    broker.kill()
    assert not is_listening(broker.port)
    broker.up()
    eventually(lambda: topic not in admin.list_topics(timeout=30).topics, "an empty broker")


def test_a_program_that_is_named_and_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_REDIS", str(tmp_path / "redis-server"))
    monkeypatch.setenv("PULSE_BROKER", str(tmp_path))
    with pytest.raises(SetupError, match=r"PULSE_REDIS=.* is no program"):
        find_redis()
    with pytest.raises(SetupError, match=r"PULSE_BROKER=.* is no program"):
        find_broker()


def test_both_leave_their_port_when_they_are_stopped(redis_server: RedisServer, broker: Broker) -> None:
    for server in (redis_server, broker):
        server.stop()
        assert not is_listening(server.port)
        server.up()
        assert is_listening(server.port)
