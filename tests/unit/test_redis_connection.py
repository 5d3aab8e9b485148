"""REDIS_URL and REDIS_PREFIX: what is understood, and that the password is never shown."""

from __future__ import annotations

import pytest

from shared.redis_connection import RedisSettings, connect_redis
from shared.settings import SettingsError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", ("localhost", 6379, None)),
        ("redis://:p%40ss@10.0.0.1:6380/3", ("10.0.0.1", 6380, "p@ss")),
        ("rediss://pulse:secret@redis.example.org:6390/0?ssl_ca_certs=/ca.pem", ("redis.example.org", 6390, "secret")),
    ],
)
def test_an_address_is_understood(url: str, expected: tuple[str, int, str | None]) -> None:
    settings = RedisSettings.read({"PORT": "1", "REDIS_URL": url})
    found = connect_redis(settings).connection_pool.connection_kwargs
    assert (found["host"], found.get("port", 6379), found.get("password")) == expected
    assert found["socket_timeout"] > 0
    assert found["socket_connect_timeout"] > 0


@pytest.mark.parametrize(
    "url",
    [
        "http://:hush@localhost",
        "redis://",
        "redis://:hush@localhost:port",
        "redis://:hush@localhost:99999",
        "redis://:hush@localhost/first",
        "redis://:hush@localhost?socket_timeout=1000",
        "redis://:hu#sh@localhost",
        "redis://:hush@local host",
    ],
)
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        RedisSettings.read({"PORT": "1", "REDIS_URL": url})
    (problem,) = refused.value.problems
    assert problem.startswith("REDIS_URL: must be like redis://")
    assert "hush" not in problem


@pytest.mark.parametrize("prefix", ["pul se", "a:b", "*", "x" * 65])
def test_a_prefix_that_could_meet_others_keys_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_PREFIX"):
        RedisSettings.read({"PORT": "1", "REDIS_PREFIX": prefix})


def test_without_an_address_there_is_none() -> None:
    assert RedisSettings.read({"PORT": "1"}).redis_url is None
