"""A real pgbouncer in front of a test's PostgreSQL."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from ops.ports import find_free_port
from ops.unprivileged import choose_identity

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
"""


@contextmanager
def serve_pooler(folder: Path, mode: str, *urls: str, size: int = 4) -> Iterator[list[str]]:
    """`urls`, each with its own login, as they are reached through one pooler with `size` connections for each."""
    assert PGBOUNCER is not None
    parts = [urlsplit(url) for url in urls]
    port = find_free_port()
    users, settings, log = folder / "users", folder / "pgbouncer.ini", folder / "pgbouncer.log"
    users.write_text("".join(f'"{part.username}" "{unquote(part.password or "")}"\n' for part in parts))
    settings.write_text(SETTINGS.format(server_port=parts[0].port, port=port, users=users, mode=mode, size=size))
    identity = choose_identity(Path(PGBOUNCER), folder)
    with log.open("wb") as output:
        words = [*identity.prefix, PGBOUNCER, str(settings)]
        pooler = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    pooled = [urlunsplit(part._replace(netloc=f"{part.username}:{part.password}@127.0.0.1:{port}")) for part in parts]
    try:
        _wait(pooler, pooled[0], log)
        yield pooled
    finally:
        pooler.send_signal(signal.SIGTERM)
        try:
            pooler.wait(30)
        except subprocess.TimeoutExpired:
            pooler.kill()
            pooler.wait()


def _wait(pooler: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if pooler.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.02)
