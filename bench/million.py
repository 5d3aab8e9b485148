"""A database of a million messages, made once and kept: ``python -m bench.million [--rows 1000000]``

It is a folder that ``bench.pulse`` starts Pulse on; the seeds' shape has a database of its own on the same server, with
the same messages. tests/bench/test_million.py asks the functions whether they agree with what was written past them.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psycopg

from bench.filling import fill_rows, fill_seed, fill_words
from bench.peers.seed import SCHEMA
from bench.pulse import APP_PASSWORD, DATABASE, OWNER_PASSWORD
from bench.rows import BUSY, LONE, Rows, Shape
from ops.migrate import MIGRATIONS, migrate
from ops.places import ROOT, find_var
from ops.ports import find_free_port
from ops.postgres import Cluster, serve

SEED_DATABASE = "seed_node"
SOURCES = [ROOT / "bench" / name for name in ("filling.py", "rows.py", "words.py")]
# While it is made nothing of it is worth keeping.
QUICK = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0"),
    *("autovacuum=off", "maintenance_work_mem=512MB", "max_wal_size=16GB", "shared_buffers=512MB"),
)


@dataclass(frozen=True)
class World:
    """Whom the scenarios ask as, and where: ids as text."""

    folder: Path
    """``data`` of ``running_pulse``."""
    largest: str
    largest_last_seq: int
    lone: str
    """Somebody who is in the largest conversation only."""
    busy: str
    """Somebody who is in ``Shape.busiest`` of them, the largest and other large ones."""
    quiet: str
    """Somebody with a few small ones."""
    small: str
    """One of those."""


def make_world(shape: Shape | None = None) -> World:
    """The kept one, or a new one when rows or migrations are not what they were."""
    shape = shape or Shape()
    home = find_var() / "bench"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    kind = f"rows-{shape.messages}-{shape.people}"
    folder = home / f"{kind}-{_fingerprint(shape)}"
    with (home / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for old in home.glob(f"{kind}-*"):
                shutil.rmtree(old)
            unfinished = home / f"{kind}-new"
            world = _make(unfinished, shape)
            (unfinished / "world.json").write_text(json.dumps(asdict(world) | {"folder": ""}))
            unfinished.rename(folder)
        kept = json.loads((folder / "world.json").read_text())
    return World(**kept | {"folder": folder})


def _fingerprint(shape: Shape) -> str:
    parts = [
        repr(shape).encode(),
        *(path.read_bytes() for path in (*SOURCES, SCHEMA, *sorted(MIGRATIONS.iterdir()))),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def _make(folder: Path, shape: Shape) -> World:
    folder.mkdir(mode=0o700)
    cluster = Cluster(folder / "postgres", find_free_port(), OWNER_PASSWORD, QUICK)
    rows = Rows(shape)
    with serve(cluster):
        for name in (DATABASE, SEED_DATABASE):
            cluster.create_database(name)
        migrate(cluster.url(DATABASE), APP_PASSWORD)
        url, seed_url = cluster.url(DATABASE), cluster.url(SEED_DATABASE)
        fill_rows(url, rows)
        with ThreadPoolExecutor() as pool:
            seed = pool.submit(fill_seed, url, seed_url, SCHEMA.read_text())
            fill_words(url)
            seed.result()
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("checkpoint")  # else stopping takes as long, and is not waited for
    os.sync()  # which the server was told not to care for
    return describe(folder, rows)


def describe(folder: Path, rows: Rows) -> World:
    """Of rows whose messages were run through."""
    largest, *others = rows.conversations
    small = [talk for talk in others if not talk.is_group][-1]
    return World(
        folder,
        largest.text,
        largest.seq,
        lone=str(rows.people[LONE]),
        busy=str(rows.people[BUSY]),
        quiet=small.texts[1],
        small=small.text,
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--rows", type=int, default=Shape.messages, help="messages")
    began = time.monotonic()
    world = make_world(replace(Shape(), messages=words.parse_args().rows))
    print(f"{world.folder} after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
