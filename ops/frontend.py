"""Node, and the pages that are built with it; `python -m ops.frontend npm run types` runs a command there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ops.building import digest, is_current, run, say
from ops.environment import VENV, install
from ops.errors import SetupError
from ops.output import complain
from ops.places import PAGES, ROOT

FRONTEND = ROOT / "frontend"
MODULES = FRONTEND / "node_modules"
# Built into the pages from these; `server` is Python, and the rest is made here.
NO_SOURCES = {"node_modules", "dist", "server"}


def build_pages() -> None:
    """`npm ci` when the lock changed, `npm run build` when a source did."""
    manifest = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    sources = [path for path in sorted(FRONTEND.rglob("*")) if _is_source(path)]
    installed, built = MODULES / ".pulse-installed", MODULES / ".pulse-built"
    if not is_current(installed, digest(manifest)):
        path = node_path()
        say("installing the frontend's packages")
        run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], "`npm ci` failed in frontend/", path, FRONTEND
        )
        installed.write_text(digest(manifest))
    if not is_current(built, digest(sources)) or not PAGES.exists():
        path = node_path()
        say("building the pages")
        built.unlink(missing_ok=True)
        run(["npm", "run", "build", "--silent"], "`npm run build` failed in frontend/", path, FRONTEND)
        built.write_text(digest(sources))


def node_path() -> dict[str, str]:
    """The environment in which `node` and `npm` are found; a wheel brings them where the machine has none that fit."""
    path = os.environ.get("PATH", os.defpath)
    if not find_node_path(path):
        install("node")
        path = f"{VENV / 'bin'}{os.pathsep}{path}"
    return {"PATH": path, "NO_UPDATE_NOTIFIER": "1"}


def find_node_path(path: str) -> str | None:
    """The `node` on `path`, when it and an `npm` beside it can build the frontend."""
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return None
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return node if shown.returncode == 0 and is_suitable(shown.stdout) else None


def is_suitable(version: str) -> bool:
    """What Vite 8 needs: ^20.19 || >=22.12."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.\S+", version.strip())
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def _is_source(path: Path) -> bool:
    top = path.relative_to(FRONTEND).parts[0]
    return path.is_file() and top not in NO_SOURCES and not path.name.endswith(".tsbuildinfo")


def main(words: list[str]) -> int:
    try:
        return subprocess.run(words, cwd=FRONTEND, env={**os.environ, **node_path()}, check=False).returncode
    except SetupError as error:
        complain(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
