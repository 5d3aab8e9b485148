"""The Redis of REDIS_URL: whether it lets us in, does what we ask of it, and keeps what it should."""

from collections.abc import Callable, Iterator
from typing import Any

import redis

from ops.doctor.lines import Line, fail, ok, warn
from ops.doctor.setup import Setup
from shared.redis_connection import RedisSettings, connect_redis
from shared.settings import SettingsError

NAME = "REDIS_URL"
OLDEST = (6, 2)
# What the services use, tried with one key that is gone afterwards; a login of Redis' own may lack some of it.
SCRIPT = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
PROBES: dict[str, Callable[["redis.Redis", str], Any]] = {
    "INFO": lambda connection, _: connection.info("server"),
    "XADD": lambda connection, key: connection.xadd(key, {"tried": "1"}, maxlen=1),
    "XREAD": lambda connection, key: connection.xread({key: "0"}),
    "XRANGE": lambda connection, key: connection.xrange(key, count=1),
    "EXPIRE": lambda connection, key: connection.expire(key, 10),
    "DEL": lambda connection, key: connection.delete(key),
    "EVAL": lambda connection, key: connection.eval(SCRIPT, 1, key),
    "GET": lambda connection, key: connection.get(key),
}

Lines = Iterator[Line]


def check_redis(setup: Setup) -> Lines:
    try:
        settings = RedisSettings.read({**setup.values, "PORT": "1"})
    except SettingsError:
        return  # said of the services that read it
    with connect_redis(settings, connect_seconds=setup.patience_seconds, read_seconds=setup.patience_seconds) as asked:
        try:
            info: dict[str, Any] = asked.info()
        except redis.RedisError as reason:
            yield _explain(reason)
            return
        yield from _check_kind(info)
        yield from _check_rights(asked, settings.redis_prefix)
        yield _check_memory(info)


def _explain(reason: redis.RedisError) -> Line:
    if isinstance(reason, redis.AuthenticationError):
        return fail(NAME, "the password is not taken, or one is missing", "redis://:password@host:6379/0")
    if isinstance(reason, redis.exceptions.NoPermissionError):
        return fail(NAME, "this login may not ask how Redis is (INFO)", "give it +info, by which nodes see a restart")
    if isinstance(reason, redis.TimeoutError):
        return fail(NAME, "no answer in time", "is it frozen, or a firewall in between?")
    if isinstance(reason, redis.exceptions.BusyLoadingError):
        return warn(NAME, "it is still loading what it kept", "wait, or let it keep nothing: history is in Postgres")
    return fail(NAME, f"cannot be used, {reason}", "start it, or mend the address (rediss:// where it wants TLS)")


def _check_kind(info: dict[str, Any]) -> Lines:
    # Valkey says 7.2 here, whatever its own version.
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if info.get("redis_mode") == "cluster":
        yield fail(NAME, "is one node of a cluster, where each holds some of the keys", "name a Redis that holds all")
    elif info.get("role") != "master":
        yield fail(NAME, f"is a replica ({info.get('role')}), which takes no writes", "name the primary")
    elif numbers < OLDEST:
        yield fail(NAME, f"is Redis {version}", "6.2 or newer is needed")
    else:
        yield ok(NAME, f"Redis {version} lets us in")


def _check_rights(connection: "redis.Redis", prefix: str) -> Lines:
    key = f"{prefix}:doctor"
    refused: list[str] = []
    for name, probe in PROBES.items():
        try:
            probe(connection, key)
        except redis.exceptions.OutOfMemoryError:
            yield fail("Redis' memory", "is full, and nothing in it may go", "raise maxmemory, or volatile-lru")
            return
        except redis.RedisError as reason:
            refused.append(f"{name} ({reason})")
    if refused:
        yield fail("Redis' rights", f"refused: {', '.join(refused)}", f"the login needs these, and keys {prefix}:*")
    else:
        yield ok("Redis' rights", f"streams, scripts and keys under {prefix}:")


def _check_memory(info: dict[str, Any]) -> Line:
    name, policy, limit = "Redis' memory", str(info.get("maxmemory_policy", "")), int(info.get("maxmemory", 0))
    advice = "set maxmemory-policy volatile-lru: cached history goes first, and can be read again"
    if policy.startswith("allkeys"):
        return warn(name, f"{policy}: when it is full, events that were not yet read are thrown away", advice)
    if policy == "noeviction" and limit:
        return warn(name, f"noeviction: when its {_show(limit)} are full, live events wait until some are free", advice)
    used = f"{_show(int(info.get('used_memory', 0)))} used"
    return ok(name, f"{used} of {_show(limit)}, {policy}" if limit else f"{used}, no limit")


def _show(count: int) -> str:
    return f"{count / 1024 / 1024:.0f} MiB"
