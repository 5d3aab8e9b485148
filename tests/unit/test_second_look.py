"""What a whole run does with tests that failed: a real pytest in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.places import ROOT
from ops.second_look import AT_MOST, forget, look_again

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PYTEST = (sys.executable, "-m", "pytest", "-q")
# `seen`: this test has run before.
TEST = """
from pathlib import Path
def test_{name}():
    marker = Path(__file__).with_name("{name}")
    seen, _ = marker.exists(), marker.touch()
    assert {passes}
"""


# Can be imported once another time has come, and has something to say then.
AWAY = """
from pathlib import Path
marker = Path(__file__).with_name("away")
seen, _ = marker.exists(), marker.touch()
assert seen
def test_away():
    assert False
"""


def write(folder: Path, name: str, passes: str) -> None:
    (folder / f"test_{name}.py").write_text(TEST.format(name=name, passes=passes))


def run(folder: Path, *words: str) -> int:
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run((*PYTEST, *words), cwd=folder, env=ENVIRONMENT, capture_output=True, check=False).returncode


def test_what_passes_alone_is_passed_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "busy", "seen")
    write(tmp_path, "fine", "True")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 0
    said = capfd.readouterr().out
    assert "FAILED BESIDE OTHERS, passed alone: test_busy.py::test_busy" in said
    assert "1 passed" in said


def test_what_fails_alone_too_has_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "busy", "seen")
    write(tmp_path, "broken", "False")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 1
    assert "passed alone" not in capfd.readouterr().out


def test_many_failures_are_no_chance(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(AT_MOST + 1):
        write(tmp_path, f"busy_{number}", "seen")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 1
    assert "passed" not in capfd.readouterr().out


def test_a_failure_of_an_earlier_run_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "busy", "seen")
    assert run(tmp_path) == 1
    forget(tmp_path)
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 1


def test_a_file_that_could_not_be_read_is_run_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "busy", "seen")
    (tmp_path / "test_away.py").write_text(AWAY)
    assert run(tmp_path, "-n", "1") == 1
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 1
    said = capfd.readouterr().out
    assert "once more and alone: test_away.py, test_busy.py::test_busy" in said
    assert "passed alone" not in said


def test_a_test_that_ended_a_worker_is_looked_at_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_handlecrashitem\n")
    write(tmp_path, "dies", "seen or __import__('os')._exit(1)")
    assert run(tmp_path, "-n", "1") == 1
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 0
    assert "passed alone: test_dies.py::test_dies" in capfd.readouterr().out
    forget(tmp_path)
    assert look_again(PYTEST, tmp_path, ENVIRONMENT) == 1
