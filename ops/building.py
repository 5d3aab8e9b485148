"""What making things has in common: done quietly, and only when what they are made from has changed.

Needs nothing installed.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from ops.errors import SetupError
from ops.places import ROOT


def digest(paths: Iterable[Path]) -> str:
    """Of names and contents."""
    total = hashlib.sha256()
    for path in paths:
        if not path.exists():
            raise SetupError(f"{path.relative_to(ROOT)} is missing: is this checkout complete?")
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def is_current(note: Path, state: str) -> bool:
    """Whether `note` says that what it stands beside was made from `state`."""
    return note.exists() and note.read_text() == state


def run(words: list[str], failure: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    """Prints what the command printed, and raises SetupError, only if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
        raise SetupError(f"{failure} (exit code {done.returncode}, after {time.monotonic() - began:.0f} s)")


def say(text: str) -> None:
    print(f"pulse: {text}", flush=True)
