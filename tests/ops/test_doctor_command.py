"""`make doctor` as a command: how it ends, and where it can run."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from ops.places import ROOT
from tests.conftest import Database
from tests.ops.doctor import NOWHERE


def command(folder: Path, **settings: str) -> tuple[list[str], dict[str, str]]:
    """`make doctor` and its environment; an empty folder's, not this checkout's .env."""
    places = {"PULSE_VAR": str(folder), "PULSE_ENV_FILE": str(folder / ".env")}
    given = {"PATH": os.environ["PATH"], **NOWHERE, **places, **settings}
    return [sys.executable, "-m", "ops.doctor"], given


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    words, given = command(folder, **settings)
    return subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_command_exits_with_1_for_a_failure_and_2_for_settings_it_cannot_read(
    database: Database, tmp_path: Path
) -> None:
    fine, wrong = run(tmp_path, DATABASE_URL=database.url), run(tmp_path, DATABASE_URL=database.owner_url)
    assert (fine.returncode, wrong.returncode) == (0, 1)
    assert fine.stdout.endswith("nothing to mend\n")
    assert wrong.stdout.endswith("1 to mend\n")
    assert database.owner_url.split(":")[2].split("@")[0] not in wrong.stdout + wrong.stderr
    # By the file that is named, as much as by the environment.
    (tmp_path / ".env").write_text("NODES=x\n")
    unread = run(tmp_path)
    assert unread.returncode == 2
    assert unread.stderr.startswith("pulse: NODES")


def test_interrupting_it_leaves_no_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        words, given = command(tmp_path, DATABASE_URL=f"postgresql://ann:x@127.0.0.1:{silent.getsockname()[1]}/none")
        # Tests run in the background have this signal ignored, and so would their children; at a terminal it counts.
        usual = signal.signal(signal.SIGINT, signal.default_int_handler)
        doctor = subprocess.Popen(words, env=given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, usual)
        with silent.accept()[0]:
            doctor.send_signal(signal.SIGINT)
            _, complaint = doctor.communicate(timeout=30)
    assert (doctor.returncode, complaint) == (130, "")


def test_nobody_who_reads_on_is_no_traceback_either(tmp_path: Path) -> None:
    words, given = command(tmp_path)
    doctor = subprocess.Popen(words, env=given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert doctor.stdout is not None
    doctor.stdout.close()
    doctor.stdout = None
    _, complaint = doctor.communicate(timeout=60)
    assert (doctor.returncode, complaint) == (141, "")


WITHOUT = """
import runpy, sys
from importlib.machinery import PathFinder
class Absent:
    def find_spec(name, path=None, target=None):
        hidden = name.partition(".")[0] in ("redis", "confluent_kafka")
        return None if hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Absent if finder is PathFinder else finder for finder in sys.meta_path]
runpy.run_module("ops.doctor", run_name="__main__")
"""


def test_it_runs_in_auths_container_which_has_only_what_auth_needs(tmp_path: Path) -> None:
    _, given = command(tmp_path, KAFKA_BOOTSTRAP_SERVERS="kafka:9092", REDIS_URL="redis://redis:6379")
    words = [sys.executable, "-c", WITHOUT]
    asked = subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert asked.stderr == ""
    assert "skip settings: chat's cannot be read here" in asked.stdout
    assert "skip REDIS_URL: " in asked.stdout
    assert "skip KAFKA_BOOTSTRAP_SERVERS: " in asked.stdout
