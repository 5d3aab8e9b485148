"""Tests that failed beside others are run once more, alone: `look_again`. Decision 0019 says why, and what it may hide.

pytest keeps the names of what failed, and `tests/conftest.py` those of tests with which a worker died; a whole run
forgets those of earlier runs: `forget`.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

# More than these are no chance: they have a cause in common.
AT_MOST = 3
CRASHED = "pulse/crashed"  # a key of pytest's cache
KEYS = ("cache/lastfailed", CRASHED)


def forget(root: Path) -> None:
    for key in KEYS:
        _kept(root, key).unlink(missing_ok=True)


def look_again(pytest: tuple[str, ...], root: Path, environment: Mapping[str, str]) -> int:
    """pytest's exit code for what failed. Says by name what failed beside others and passes alone."""
    kept = [json.loads(_kept(root, key).read_text()) for key in KEYS if _kept(root, key).exists()]
    failed = sorted({name for names in kept for name in names})
    if not 0 < len(failed) <= AT_MOST:
        return 1
    print(f"\nonce more and alone: {', '.join(failed)}", flush=True)
    # By name: `--last-failed` leaves out whatever it can't find again, a file that could not be imported, say.
    code = subprocess.run((*pytest, *failed), cwd=root, env=environment, check=False).returncode
    if code == 0:
        print(f"FAILED BESIDE OTHERS, passed alone: {', '.join(failed)}")
    return code


def _kept(root: Path, key: str) -> Path:
    return root / ".pytest_cache" / "v" / key
