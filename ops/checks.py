"""Everything that can find a mistake: `python -m ops.checks lint|fast|all [word for pytest…]`.

Goes on after a failure, so that one run tells all, and runs pytest last, so that its summary stands at the end.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ops.browser import find_browser
from ops.errors import SetupError
from ops.frontend import FRONTEND, node_path
from ops.output import complain
from ops.places import ROOT
from ops.second_look import forget, look_again

IMPORT_LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@dataclass(frozen=True)
class Step:
    name: str
    words: tuple[str, ...]
    folder: Path = ROOT


def python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


LINT = (
    Step("frontend", ("npm", "run", "--silent", "lint"), FRONTEND),
    Step("mypy", python("-m", "mypy", "--no-error-summary")),
    Step("ruff", python("-m", "ruff", "check", "--output-format=concise", ".")),
    Step("format", python("-m", "ruff", "format", "--check", ".")),
    Step("imports", python("-c", IMPORT_LINTER)),
)
# Compiles all tests once, with what pytest writes into their assertions; the workers would each do it for themselves.
COLLECT = Step("tests compiled", python("-m", "pytest", "--collect-only", "-qq"))
PAGES = Step("frontend tests", ("npm", "run", "--silent", "test"), FRONTEND)
FAST = ("-m", "not browser and not system and not chaos")
# tests/order.py says who runs what. Four, as most of them wait for processes more than they compute.
WORKERS = ("-n", "4", "--dist", "loadfile")


def main(kind: str, words: list[str]) -> int:
    began = time.monotonic()
    environment = dict(os.environ) if kind == "fast" else {**os.environ, **node_path()}
    # Some hundred processes would each compile all of Pulse anew, and every worker all tests.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    steps = (*LINT, PAGES) if kind == "all" else LINT if kind == "lint" else ()
    if kind == "all" and not words:
        steps = (*steps, COLLECT)
    with ThreadPoolExecutor(2) as pool:
        passed = list(pool.map(lambda step: _passes(step, environment), steps))
    failed = [step.name for step, fine in zip(steps, passed, strict=True) if not fine]
    if failed and kind == "lint":
        complain(f"failed: {', '.join(failed)}")
    if kind == "lint":
        return 1 if failed else 0
    if kind == "all":
        try:
            environment["PULSE_CHROMIUM"] = str(find_browser())
        except SetupError as error:
            complain(error)
            return 1
    if failed:
        complain(f"failed before the tests: {', '.join(failed)}")
    pytest = python("-m", "pytest", "-q", *(FAST if kind == "fast" else ()))
    if not words:
        forget(ROOT)
    code = subprocess.run((*pytest, *WORKERS, *words), cwd=ROOT, env=environment, check=False).returncode
    if code == 1 and not words:  # something failed; other codes are pytest's own trouble
        code = look_again(pytest, ROOT, environment)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"{'passed' if code == 0 and not failed else 'failed'} after {minutes} min {seconds} s")
    return code or (1 if failed else 0)


def _passes(step: Step, environment: dict[str, str]) -> bool:
    began = time.monotonic()
    run = subprocess.run(
        step.words, cwd=step.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    passed = run.returncode == 0
    said = f"{step.name:<14} {'ok' if passed else 'FAILED'} ({time.monotonic() - began:.1f} s)\n"
    sys.stdout.buffer.write(said.encode() + (b"" if passed else run.stdout))
    sys.stdout.flush()
    return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
