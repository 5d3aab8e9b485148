"""What a whole run does with tests that failed: a real pytest in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.second_look import AT_MOST, forget, look_again

PYTEST = (sys.executable, "-m", "pytest", "-q")
# `seen`: this test has run before.
TEST = """
from pathlib import Path
def test_{name}():
    marker = Path(__file__).with_name("{name}")
    seen, _ = marker.exists(), marker.touch()
    assert {passes}
"""


def write(folder: Path, name: str, passes: str) -> None:
    (folder / f"test_{name}.py").write_text(TEST.format(name=name, passes=passes))


def run(folder: Path) -> int:
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(PYTEST, cwd=folder, capture_output=True, check=False).returncode


def test_what_passes_alone_is_passed_and_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "busy", "seen")
    write(tmp_path, "fine", "True")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, os.environ) == 0
    said = capfd.readouterr().out
    assert "FAILED BESIDE OTHERS, passed alone: test_busy.py::test_busy" in said
    assert "1 passed" in said


def test_what_fails_alone_too_has_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "busy", "seen")
    write(tmp_path, "broken", "False")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, os.environ) == 1
    assert "passed alone" not in capfd.readouterr().out


def test_many_failures_are_no_chance(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(AT_MOST + 1):
        write(tmp_path, f"busy_{number}", "seen")
    assert run(tmp_path) == 1
    assert look_again(PYTEST, tmp_path, os.environ) == 1
    assert "passed" not in capfd.readouterr().out


def test_a_failure_of_an_earlier_run_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "busy", "seen")
    assert run(tmp_path) == 1
    forget(tmp_path)
    assert look_again(PYTEST, tmp_path, os.environ) == 1
