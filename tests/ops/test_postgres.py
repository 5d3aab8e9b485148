"""The embedded server: data is kept, nothing is trusted, nothing is left behind, and what cannot work says why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from ops.errors import SetupError
from ops.ports import find_free_port
from ops.postgres import Cluster, serve
from ops.processes import find_command_line

QUICK = ("fsync=off",)


def make_cluster(folder: Path) -> Cluster:
    return Cluster(folder / "postgres", find_free_port(), "p@ss w:/rd", QUICK)


def wait_until_gone(pid: int, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while find_command_line(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not find_command_line(pid)


def test_data_is_kept_over_a_restart(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    with serve(cluster), psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("create table kept as select 'yesterday' as said")
    with serve(cluster), psycopg.connect(cluster.url()) as connection:
        assert connection.execute("select said from kept").fetchone() == ("yesterday",)


def test_the_password_lets_in_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    with serve(cluster):
        psycopg.connect(cluster.url()).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(cluster.url(password="guess"))


def test_text_is_utf8_and_sorted_alike_on_every_machine(tmp_path: Path) -> None:
    with serve(make_cluster(tmp_path)) as cluster, psycopg.connect(cluster.url()) as connection:
        row = connection.execute(
            "select pg_encoding_to_char(encoding), datlocprovider, datlocale from pg_database"
            " where datname = current_database()"
        ).fetchone()
    assert row == ("UTF8", "b", "C.UTF-8")


def test_its_folder_is_closed_and_no_password_is_left_in_it(tmp_path: Path) -> None:
    before = tmp_path.stat().st_mode
    cluster = make_cluster(tmp_path)
    cluster.prepare()
    assert cluster.folder.stat().st_mode & 0o777 == 0o700
    assert cluster.data.stat().st_mode & 0o777 == 0o700
    assert tmp_path.stat().st_mode == before
    assert not (cluster.folder / "password").exists()


def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    (cluster.folder / "data.new" / "base").mkdir(parents=True)
    with serve(cluster):
        psycopg.connect(cluster.url()).close()
    assert not (cluster.folder / "data.new").exists()


def test_a_second_server_on_live_data_is_refused(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    with serve(cluster):
        with pytest.raises(SetupError, match=r"already serves .*kill -INT \d+"):
            cluster.prepare()
        psycopg.connect(cluster.url()).close()


def test_a_stale_lock_file_that_names_another_program_does_not_matter(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    cluster.prepare()
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")
    with serve(cluster):
        psycopg.connect(cluster.url()).close()


def test_data_of_another_major_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    cluster.prepare()
    (cluster.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(SetupError, match="made by PostgreSQL 15 and this is"):
        cluster.prepare()
    assert (cluster.data / "base").is_dir()


def test_a_taken_port_is_said_and_the_other_server_is_not_mistaken_for_ours(tmp_path: Path) -> None:
    first = make_cluster(tmp_path / "first")
    second = Cluster(tmp_path / "second", first.port, "another", QUICK)
    with serve(first):
        with pytest.raises(SetupError, match=f"could not bind .*|port {first.port}"), serve(second):
            pytest.fail("it must not start")
        psycopg.connect(first.url()).close()


def test_the_server_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    cluster = make_cluster(tmp_path)
    code = (
        "import sys; from pathlib import Path; from ops.postgres import Cluster, serve\n"
        "with serve(Cluster(Path(sys.argv[1]), int(sys.argv[2]), 'secret')): print('up', flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(cluster.folder), str(cluster.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        server = int((cluster.data / "postmaster.pid").read_text().split("\n", 1)[0])
        starter.send_signal(signal.SIGKILL)
        starter.wait(30)
    assert wait_until_gone(server)
    with serve(Cluster(cluster.folder, find_free_port(), "secret")) as again:
        psycopg.connect(again.url()).close()


def test_a_database_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with serve(make_cluster(tmp_path)) as cluster:
        cluster.create_database("pulse")
        with psycopg.connect(cluster.url("pulse"), autocommit=True) as connection:
            connection.execute("create table kept ()")
        cluster.create_database("pulse")
        with psycopg.connect(cluster.url("pulse")) as connection:
            assert connection.execute("select to_regclass('kept')::text").fetchone() == ("kept",)
