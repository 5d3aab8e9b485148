"""A Chromium for the browser tests: `python -m ops.browser` prints its path, after getting one where there is none."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ops.errors import SetupError
from ops.frontend import node_path
from ops.output import complain
from ops.places import ROOT, find_var

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = ROOT / "ops" / "chromium"
DOWNLOAD_SECONDS = 300.0


def find_browser() -> Path:
    """The first that starts: the one named, one of the machine's, Playwright's, npm's, and for root on Debian apt's."""
    if named := os.environ.get("PULSE_CHROMIUM"):
        if not _starts(Path(named)):
            raise SetupError(f"PULSE_CHROMIUM={named} does not start")
        return Path(named)
    ways: tuple[Callable[[], Path | None], ...] = (_on_path, _playwrights, _unpacked, _download, _unpack, _with_apt)
    for way in ways:
        path = way()
        if path is not None and _starts(path):
            return path
    raise SetupError(
        "no Chromium for the browser tests, and none could be downloaded: "
        "install one and name it with PULSE_CHROMIUM=…, or leave them out with `make test-fast`"
    )


def _on_path() -> Path | None:
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def _playwrights() -> Path | None:
    ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return Path(asked.stdout.strip()) if asked.returncode == 0 else None


def _download() -> Path | None:
    _say("downloading Playwright's Chromium")
    words = [sys.executable, "-m", "playwright", "install", "chromium"]
    return _playwrights() if _run(words) else None


def _unpacked() -> Path | None:
    path = find_var() / "chromium" / "start"
    return path if path.exists() else None


def _unpack() -> Path | None:
    """The browser of the npm package @sparticuz/chromium, which brings the libraries a bare Linux lacks."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    _say("getting a Chromium from npm")
    folder = find_var() / "chromium"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("node_modules"))
    environment = {**node_path(), "TMPDIR": str(folder)}
    if not _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], environment, folder):
        return None
    if not _run(["node", "unpack.js"], environment, folder):
        return None
    shutil.rmtree(folder / "node_modules")
    start = folder / "start"
    home = shlex.quote(str(folder))
    start.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={home}/lib FONTCONFIG_PATH={home}/fonts exec {home}/chromium "$@"\n')
    start.chmod(0o755)
    return start


def _with_apt() -> Path | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    _say("installing chromium with apt")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "-qq", "update"], quiet)
    return _on_path() if _run(["apt-get", "-qq", "install", "--no-install-recommends", "chromium"], quiet) else None


def _starts(path: Path) -> bool:
    try:
        words = [str(path), "--version"]
        return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(words: list[str], environment: dict[str, str] | None = None, folder: Path = ROOT) -> bool:
    try:
        run = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def _say(text: str) -> None:
    print(f"pulse: {text}", file=sys.stderr, flush=True)


def main() -> int:
    try:
        print(find_browser())
    except SetupError as error:
        complain(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
