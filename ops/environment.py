"""Makes what `make` needs, each only when its inputs have changed: `python3 -m ops.environment run|dev|pages…`.

Runs on any Python 3.11+ with nothing installed: it is what installs. What was done is noted beside its result.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from ops.errors import SetupError
from ops.node import find_node_path
from ops.output import complain
from ops.places import PAGES, ROOT

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FRONTEND = ROOT / "frontend"
MODULES = FRONTEND / "node_modules"
# Built into the pages from these; `server` is Python, and the rest is made here.
NO_SOURCES = {"node_modules", "dist", "server"}


def main(wanted: list[str]) -> int:
    # Two at once (`make run` and `make test`) would install into each other's hands.
    checkout = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(checkout, fcntl.LOCK_EX)
    try:
        make_venv()
        for name in wanted:
            build_pages() if name == "pages" else install(name)
    except SetupError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        os.close(checkout)
    return 0


def make_venv() -> None:
    # A moved checkout or another Python needs a new one: scripts in it name both.
    state = f"{ROOT} {platform.python_version()}"
    note = VENV / ".made"
    if _is(note, state) or (PYTHON.exists() and not note.exists() and _works(PYTHON)):
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments: install its `venv` (Debian, Ubuntu: python3-venv)"
        )
    _say("making .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(VENV)], "the virtual environment .venv could not be made")
    note.write_text(state)


def install(name: str) -> None:
    """Install exactly what `requirements/<name>.txt` names, by hash."""
    lock = ROOT / "requirements" / f"{name}.txt"
    state, note = _digest([lock]), VENV / f".{name}"
    if _is(note, state):
        return
    _say(f"installing requirements/{name}.txt")
    note.unlink(missing_ok=True)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    words = [str(PYTHON), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)]
    _run(words, f"pip could not install requirements/{name}.txt", {"PIP_USER": "0"})
    note.write_text(state)


def build_pages() -> None:
    """`npm ci` when the lock changed, `npm run build` when a source did."""
    manifest = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    sources = [path for path in sorted(FRONTEND.rglob("*")) if _is_source(path)]
    installed, built = MODULES / ".pulse-installed", MODULES / ".pulse-built"
    if not _is(installed, _digest(manifest)):
        path = node_path()
        _say("installing the frontend's packages")
        _run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], "`npm ci` failed in frontend/", path, FRONTEND)
        installed.write_text(_digest(manifest))
    if not _is(built, _digest(sources)) or not PAGES.exists():
        path = node_path()
        _say("building the pages")
        built.unlink(missing_ok=True)
        _run(["npm", "run", "build", "--silent"], "`npm run build` failed in frontend/", path, FRONTEND)
        built.write_text(_digest(sources))


def node_path() -> dict[str, str]:
    """The environment in which `node` and `npm` are found; a wheel brings them where the machine has none that fit."""
    path = os.environ.get("PATH", os.defpath)
    if not find_node_path(path):
        install("node")
        path = f"{VENV / 'bin'}{os.pathsep}{path}"
    return {"PATH": path, "NO_UPDATE_NOTIFIER": "1"}


def _is_source(path: Path) -> bool:
    top = path.relative_to(FRONTEND).parts[0]
    return path.is_file() and top not in NO_SOURCES and not path.name.endswith(".tsbuildinfo")


def _digest(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        if not path.exists():
            raise SetupError(f"{path.relative_to(ROOT)} is missing: is this checkout complete?")
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def _is(note: Path, state: str) -> bool:
    return note.exists() and note.read_text() == state


def _works(python: Path) -> bool:
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _run(words: list[str], failure: str, environment: dict[str, str] | None = None, folder: Path = ROOT) -> None:
    """Quiet unless it fails."""
    began = time.monotonic()
    run = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if run.returncode != 0:
        sys.stderr.buffer.write(run.stdout)
        raise SetupError(f"{failure} (exit code {run.returncode}, after {time.monotonic() - began:.0f} s)")


def _say(text: str) -> None:
    print(f"pulse: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
