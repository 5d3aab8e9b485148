"""`python -m ops.run` with the real services: it comes up, heals, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ops.lock import RunLock
from ops.places import PAGES, ROOT
from ops.postgres import Cluster
from ops.processes import find_command_line
from tests.conftest import APP_PASSWORD, Database
from tests.ops.test_run import free_ports
from tests.ops.test_run import run as run_briefly
from tests.ops.test_supervisor import are_gone, eventually
from tests.standins.project import SupabaseProject

pytestmark = pytest.mark.system

SECONDS = 90.0


class Pulse:
    """One run over a `var` of its own; `start` it again and it is the next day."""

    def __init__(self, var: Path, **settings: str) -> None:
        self.var = var
        self.ports = free_ports()
        self.settings = settings
        self.log = var.parent / "log"

    def start(self) -> "Pulse":
        environment = {"PATH": os.environ["PATH"], "PULSE_VAR": str(self.var), **self.ports, **self.settings}
        with self.log.open("wb") as log:
            words = [sys.executable, "-m", "ops.run"]
            self.process = subprocess.Popen(words, env=environment, cwd=ROOT, stdout=log, stderr=log)
        assert eventually(lambda: "open http://" in self.printed or self.process.poll() is not None, SECONDS)
        assert self.process.poll() is None, self.printed
        return self

    @property
    def printed(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        assert eventually(lambda: text in self.printed, SECONDS), self.printed

    def answers(self, port: str, path: str = "/healthz") -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[port]}{path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def tree(self) -> dict[int, str]:
        """Every process below the runner: its id and the words it was started with."""
        parents: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
        found: dict[int, str] = {}
        waiting = list(parents.get(self.process.pid, []))
        while waiting:
            pid = waiting.pop()
            waiting += parents.get(pid, [])
            if command := find_command_line(pid):
                found[pid] = command
        return found

    def find(self, word: str) -> int:
        return min(pid for pid, command in self.tree().items() if word in command)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulse]:
    assert PAGES.exists(), "the pages are not built: `make test` builds them"
    run = Pulse(tmp_path_factory.mktemp("whole") / "var").start()
    yield run
    left = list(run.tree())
    run.process.terminate()
    run.process.wait(SECONDS)
    assert are_gone([run.process.pid, *left])


@pytest.fixture
def pulse(shared: Pulse) -> Pulse:
    """A run that is up: the one of the test before if that left it running."""
    return shared if shared.process.poll() is None else shared.start()


def test_it_starts_twice_the_second_time_without_making_anything_anew_and_keeps_what_was_there(pulse: Pulse) -> None:
    body = json.dumps({"email": "ann@example.org"}).encode()
    headers = {"Content-Type": "application/json"}
    login = f"http://127.0.0.1:{pulse.ports['AUTH_PORT']}/auth/login"
    with urllib.request.urlopen(urllib.request.Request(login, body, headers), timeout=30) as answer:
        assert answer.status == 202
    cluster = pulse.var / "postgres" / "data" / "PG_VERSION"  # initdb writes it, and nobody after it
    made = cluster.stat().st_mtime_ns
    tree = pulse.tree()
    pulse.process.send_signal(signal.SIGINT)
    assert pulse.process.wait(SECONDS) == 128 + signal.SIGINT
    assert "does not stop" not in pulse.printed
    assert are_gone(list(tree))
    pulse.start()
    assert "the database is up to date" in pulse.printed
    assert made == cluster.stat().st_mtime_ns
    inbox = f"http://localhost:{pulse.ports['AUTH_PORT']}/dev/inbox?email=ann@example.org"
    with urllib.request.urlopen(urllib.request.Request(inbox, headers={"Accept": "application/json"})) as answer:
        assert [mail["to"] for mail in json.load(answer)["mails"]] == ["ann@example.org"]


def test_nothing_it_made_can_be_read_by_others(pulse: Pulse) -> None:
    assert pulse.var.stat().st_mode & 0o077 == 0


def test_a_killed_service_is_back_and_the_terminal_says_so(pulse: Pulse) -> None:
    services = {
        "auth": ("services.auth", "AUTH_PORT"),
        "chat": ("services.chat", "CHAT_PORT"),
        "websocket": ("services.websocket", "WEBSOCKET_PORT"),
        "pages": ("frontend.server", "PAGES_PORT"),
    }
    for word, _ in services.values():
        os.kill(pulse.find(word), signal.SIGKILL)
    for name, (_, port) in services.items():
        pulse.wait_for(f"{name} died (signal 9), starting it again")
        assert eventually(lambda port=port: pulse.answers(port), SECONDS)  # type: ignore[misc]


def test_a_killed_database_is_back_and_the_services_find_it_again(pulse: Pulse) -> None:
    os.kill(pulse.find("bin/postgres"), signal.SIGKILL)
    pulse.wait_for("postgres died (signal 9), starting it again")
    for port in ("AUTH_PORT", "CHAT_PORT"):
        assert eventually(lambda port=port: pulse.answers(port, "/readyz"), SECONDS)  # type: ignore[misc]


def test_killing_the_runner_ends_all_of_it_and_the_next_run_works(pulse: Pulse) -> None:
    left = list(pulse.tree())
    assert len(left) > 5
    pulse.process.kill()
    pulse.process.wait()
    assert are_gone(left)
    pulse.start()


def test_a_second_run_of_the_same_checkout_says_that_there_is_one(pulse: Pulse) -> None:
    refused = run_briefly(pulse.var, **free_ports())
    assert refused.returncode == 1
    assert refused.stderr == (
        f"pulse: Pulse already runs from this checkout (process {pulse.process.pid}): `make stop` ends it\n"
    )
    assert pulse.answers("CHAT_PORT")


def test_stop_ends_it_from_another_terminal(pulse: Pulse) -> None:
    left = list(pulse.tree())
    stopped = run_briefly(pulse.var, "ops.stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Pulse has stopped\n")
    assert pulse.process.wait(SECONDS) == 128 + signal.SIGTERM
    assert are_gone(left)
    with closing(RunLock(pulse.var)) as lock:
        assert lock.is_free()


def test_a_database_of_ones_own_is_used_and_brought_up_to_date(postgres: Cluster, tmp_path: Path) -> None:
    postgres.create_database("own")
    given = {
        "DATABASE_URL": postgres.url("own", "pulse_app", APP_PASSWORD),
        "MIGRATE_DATABASE_URL": postgres.url("own"),
    }
    own = Pulse(tmp_path / "var", **given).start()
    try:
        assert own.answers("CHAT_PORT", "/readyz")
        assert "migrate   | applied" in own.printed
        assert not any(f"-D {own.var}" in command for command in own.tree().values())
    finally:
        own.process.terminate()
        own.process.wait(SECONDS)


def test_a_database_of_ones_own_that_does_not_let_us_in_is_one_clear_line(postgres: Cluster, tmp_path: Path) -> None:
    refused = run_briefly(tmp_path, **free_ports(), DATABASE_URL=postgres.url("postgres", "pulse_app", "wrong"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("pulse: DATABASE_URL: connection failed")
    assert refused.stderr.count("\n") == 1


def test_a_supabase_project_is_used_without_a_postgresql_of_ones_own(database: Database, tmp_path: Path) -> None:
    own = Pulse(tmp_path / "var")
    site = f"http://localhost:{own.ports['AUTH_PORT']}"
    with SupabaseProject(database, auth={"site_url": site}) as project:
        own.settings = {**project.settings, "MIGRATE_DATABASE_URL": database.owner_url}
        own.start()
        try:
            assert eventually(lambda: own.answers("CHAT_PORT", "/readyz"), SECONDS), own.printed
            assert "migrate   | the database is up to date" in own.printed
            assert f"Supabase at {project.url}" in own.printed
            assert not any("postgres" in command for command in own.tree().values())
            assert "dev/inbox" not in own.printed
            for secret in (project.secret_key, project.publishable_key):
                assert secret not in own.printed + " ".join(own.tree().values())
            check_doctor(own, project)
        finally:
            own.process.terminate()
            own.process.wait(SECONDS)


def check_doctor(own: Pulse, project: SupabaseProject) -> None:
    """`make doctor` of the same settings finds nothing to mend, and what differs when something does."""
    fine = run_briefly(own.var, "ops.doctor", **own.ports, **own.settings)
    assert fine.returncode == 0, fine.stdout
    lines = fine.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == ["nothing to mend"]
    for name in ("auth", "chat", "websocket"):
        assert f"ok   {name}: http://127.0.0.1:{own.ports[f'{name.upper()}_PORT']} is ready" in lines
        assert f"ok   {name}'s service token: is SERVICE_TOKEN" in lines
    assert "ok   auth's signing keys: are the project's" in lines
    changed = {"SERVICE_TOKEN": "another-token-of-thirty-two-characters", "CHAT_URL": "http://127.0.0.1:1"}
    wrong = run_briefly(own.var, "ops.doctor", **{**own.ports, **own.settings, **changed})
    failed = [line.partition(":")[0] for line in wrong.stdout.splitlines() if line.startswith("FAIL")]
    assert failed == ["FAIL auth's service token", "FAIL chat", "FAIL websocket's service token"]
    assert project.secret_key not in fine.stdout + wrong.stdout
