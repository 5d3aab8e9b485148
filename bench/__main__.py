"""`python -m bench [--quick] [--only fan_out,…]`: measures Pulse beside its peers, and writes what came out."""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench import report
from bench.client import compile_load
from bench.results import Row
from bench.rounds import Rounds, describe
from ops.errors import SetupError
from ops.guard import Guard
from ops.output import complain

SCENARIOS = ("fan_out", "send_path", "latency", "connections", "history")
ROUNDS = 3
FILES = 10_400


def main(words: list[str]) -> int:
    chosen = read_words(words)
    try:
        compile_load()
    except SetupError as error:
        complain(error)
        return 1
    raise_file_limit()
    rows: list[Row] = []
    failed: dict[str, str] = {}
    guard = Guard()
    try:
        with tempfile.TemporaryDirectory(prefix="pulse-bench-") as name:
            for scenario in chosen.only:
                rounds = Rounds(scenario, Path(name) / scenario, guard, 1 if chosen.quick else ROUNDS, chosen.quick)
                reason = run(rounds)
                rows += rounds.rows
                if reason:
                    failed[scenario] = reason
                if not chosen.quick:
                    report.write(rows, failed)  # after each: a run that is ended keeps what it has measured
    except KeyboardInterrupt:
        return 130
    finally:
        guard.close()
    report.show(rows, failed)
    return 1 if failed or not all(row.is_valid for row in rows) else 0


def read_words(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of the headline rows; writes no files")
    parser.add_argument(
        "--only", type=lambda text: check_names(text.split(",")), default=SCENARIOS, help=",".join(SCENARIOS)
    )
    return parser.parse_args(words)


def check_names(names: list[str]) -> list[str]:
    for name in names:
        if name not in SCENARIOS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SCENARIOS)}")
    return names


def raise_file_limit() -> None:
    """What is started inherits it: a server needs a file for each of 10,000 sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        with suppress(ValueError, OSError):  # only root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, FILES))
            hard = FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < FILES:
        complain(f"only {hard} files may be open here (`ulimit -Hn`): 10,000 sockets need {FILES}")


def run(rounds: Rounds) -> str:
    """Why the scenario failed, if it did; the rows it had by then are kept, and the others still run."""
    rounds.folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        importlib.import_module(f"bench.scenarios.{rounds.scenario}").run(rounds, rounds.quick)
    except Exception as reason:
        print(f"{rounds.scenario} failed: {describe(reason)}", file=sys.stderr, flush=True)
        return describe(reason)
    finally:
        print(f"{rounds.scenario}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
