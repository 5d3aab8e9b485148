"""Redis, for the services that share something through it: its settings, and a client that never hangs.

Redis 6.2 or newer, or Valkey. Its commands raise ``redis.RedisError``, whose texts hold no password.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import redis
from pydantic import AfterValidator, Field, SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.settings import Settings

CONNECT_SECONDS, READ_SECONDS = 1.0, 2.0


def _check_redis_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("redis", "rediss") and parts.hostname is not None
        sound = sound and (parts.port is None or parts.port > 0) and not parts.fragment
        # redis-py lets the query overrule everything else, our timeouts too.
        sound = sound and all(name.startswith("ssl_") for name in parse_qs(parts.query))
    except ValueError:
        sound = False
    if not sound or not (parts.path in ("", "/") or parts.path[1:].isdecimal()) or any(c.isspace() for c in text):
        raise ValueError("must be like redis://:password@host:6379/0, or rediss:// for TLS")
    return value


RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]


class RedisSettings(Settings):
    """Beside a service's own settings: ``class ChatSettings(RedisSettings, DatabaseSettings)``."""

    redis_url: RedisUrl | None = Field(
        None, alias="REDIS_URL", description="Redis, for several websocket processes; unset: one, without it"
    )
    redis_prefix: str = Field(
        "pulse",
        alias="REDIS_PREFIX",
        pattern=r"^[A-Za-z0-9_.{}-]{1,64}$",
        description="start of every key, for several installations on one Redis",
    )


def connect_redis(
    settings: RedisSettings, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
) -> redis.Redis:
    """A pooled client, safe to share between threads; it connects with its first command, and answers bytes.

    Nothing is tried twice: a command whose answer was lost may have counted, and only its caller knows what that means.
    """
    assert settings.redis_url is not None
    return redis.Redis.from_url(
        settings.redis_url.get_secret_value(),
        protocol=2,  # the answers' shapes differ with 3
        decode_responses=False,
        socket_connect_timeout=connect_seconds,
        socket_timeout=read_seconds,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )
