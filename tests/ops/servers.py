"""The PostgreSQL servers there are to test on: the embedded one, Debian's, and what POSTGRES_BINS names."""

import os
import subprocess
from pathlib import Path

from ops.postgres import find_binaries

OLDEST = 15


def find_servers() -> dict[int, Path]:
    """Major version to the folder with its `initdb` and `postgres`, oldest first."""
    named = [Path(folder) for folder in os.environ.get("POSTGRES_BINS", "").split(",") if folder]
    found: dict[int, Path] = {}
    for folder in [find_binaries(), *named, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
            found.setdefault(int(shown.stdout.split()[2].partition(".")[0]), folder)
        elif folder in named:
            raise FileNotFoundError(f"POSTGRES_BINS: {folder} holds no initdb and postgres")
    return {major: found[major] for major in sorted(found) if major >= OLDEST}
