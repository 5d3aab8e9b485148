"""What the figures were taken on, without names of hosts, users or folders."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from ops.errors import SetupError
from ops.frontend import node_path


def describe_machine() -> dict[str, str | int]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _find_processor(),
        "architecture": platform.machine(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "python": platform.python_version(),
        "node": _find_node_version(),
    }


def _find_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _find_node_version() -> str:
    try:
        words = ["node", "--version"]
        shown = subprocess.run(words, env={**os.environ, **node_path()}, capture_output=True, text=True, check=False)
    except (OSError, SetupError):
        return "none"
    return shown.stdout.strip().removeprefix("v")
