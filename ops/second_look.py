"""Tests that failed beside others are run once more, alone: `look_again`. Decision 0019 says why, and what it may hide.

pytest keeps the names of what failed (`--last-failed`); a whole run forgets those of earlier runs: `forget`.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

# More than these are no chance: they have a cause in common.
AT_MOST = 3


def forget(root: Path) -> None:
    _kept(root).unlink(missing_ok=True)


def look_again(pytest: tuple[str, ...], root: Path, environment: Mapping[str, str]) -> int:
    """pytest's exit code for what failed. Says by name what failed beside others and passes alone."""
    failed = sorted(json.loads(_kept(root).read_text())) if _kept(root).exists() else []
    if not 0 < len(failed) <= AT_MOST:
        return 1
    print(f"\nonce more and alone: {', '.join(failed)}", flush=True)
    code = subprocess.run((*pytest, "--last-failed"), cwd=root, env=environment, check=False).returncode
    if code == 0:
        print(f"FAILED BESIDE OTHERS, passed alone: {', '.join(failed)}")
    return code


def _kept(root: Path) -> Path:
    return root / ".pytest_cache" / "v" / "cache" / "lastfailed"
