"""The virtual environment `.venv`, with exactly the packages that the files in `requirements/` name."""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from ops.building import digest, is_current, run, say
from ops.errors import SetupError
from ops.places import ROOT

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def make_venv() -> None:
    # A moved checkout or another Python needs a new one: scripts in it name both.
    state = f"{ROOT} {platform.python_version()}"
    note = VENV / ".made"
    if os.access(PYTHON, os.X_OK) and (is_current(note, state) or (not note.exists() and _works(PYTHON))):
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments: install its `venv` (Debian, Ubuntu: python3-venv)"
        )
    say("making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(VENV)], "the virtual environment .venv could not be made")
    note.write_text(state)


def install(name: str) -> None:
    """Install exactly what `requirements/<name>.txt` names, by hash."""
    lock = ROOT / "requirements" / f"{name}.txt"
    state, note = digest([lock]), VENV / f".{name}"
    if is_current(note, state):
        return
    say(f"installing requirements/{name}.txt")
    note.unlink(missing_ok=True)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    words = [str(PYTHON), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)]
    run(words, f"pip could not install requirements/{name}.txt", {"PIP_USER": "0"})
    note.write_text(state)


def _works(python: Path) -> bool:
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
