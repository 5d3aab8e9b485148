"""The PostgREST stand-in against its documentation: transactions and the pool they run in.

Pages are docs.postgrest.org/en/latest/references/<page>; the statements are our own.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from ops.postgres import Cluster
from tests.standins.documented import MakeServer, Server, read_places, seen
from tests.standins.project import let_in

# references/transactions


def test_a_get_runs_read_only(server: Server) -> None:
    answer = server.ask("GET", "/rpc/visit?place=got")
    assert seen(answer) == (405, "25006")
    assert answer.get_json()["message"] == "cannot execute INSERT in a read-only transaction"
    assert "got" not in read_places(server)


def test_a_post_writes_unless_the_function_promised_not_to(server: Server) -> None:
    assert server.call("count_call").get_json() == 1
    assert server.code("count_call_stable") == (405, "25006")
    assert seen(server.ask("GET", "/rpc/count_call")) == (405, "25006")
    assert server.call("count_call").get_json() == 2


def test_an_error_undoes_the_whole_request(server: Server) -> None:
    assert server.code("visit_and_fail", {"place": "undone"}) == (400, "P0001")
    assert "undone" not in read_places(server)


def test_a_request_reads_what_is_committed(server: Server) -> None:
    assert server.call("setting", {"name": "transaction_isolation"}).get_json() == "read committed"


def test_a_request_is_known_inside(server: Server) -> None:
    def ask(name: str) -> str:
        answer: str = server.call("setting", {"name": name}, headers={"X-Odd": "Yes"}).get_json()
        return answer

    assert json.loads(ask("request.jwt.claims")) == {"role": "authenticated", "sub": "ann"}
    assert json.loads(ask("request.headers"))["x-odd"] == "Yes"
    assert (ask("request.method"), ask("request.path")) == ("POST", "/rpc/setting")
    assert (ask("role"), ask("search_path")) == ("authenticated", '"api"')


def test_the_role_s_settings_count_and_the_functions_more(server: Server) -> None:
    assert server.call("setting", {"name": "statement_timeout"}, token=None).get_json() == "3s"
    assert server.call("setting", {"name": "statement_timeout"}).get_json() == "8s"
    assert server.call("patient", token=None).get_json() == "4s"


# references/connection_pool


def test_who_waits_too_long_for_a_connection_is_sent_away(make_server: MakeServer, owner: str) -> None:
    small = make_server(pool=1, pool_acquisition_seconds=0.1)
    with psycopg.connect(owner) as connection, ThreadPoolExecutor(1) as pool:
        connection.execute("select pg_advisory_lock(1)")
        waiting = pool.submit(small.call, "wait")
        deadline = time.monotonic() + 30
        blocked = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        while not connection.execute(blocked).fetchone():
            assert time.monotonic() < deadline
        assert seen(small.call("who")) == (504, "PGRST003")
        connection.execute("select pg_advisory_unlock(1)")
        assert waiting.result(timeout=30).status_code == 204
    assert small.call("who").get_json() == "authenticated"


def test_a_connection_that_breaks_is_told_and_replaced(make_server: MakeServer, owner: str) -> None:
    server = make_server()
    assert server.call("who").status_code == 200
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'authenticator' and datname = current_database()"
        )
    answer = server.call("who")
    # The server's last words are read if they are there already; else the connection is just gone.
    assert seen(answer) in [(503, "57P01"), (503, "PGRST001")]
    assert server.call("who").get_json() == "authenticated"


def test_without_its_database_it_says_so(make_server: MakeServer, free_port: int) -> None:
    away = make_server(url=f"postgresql://authenticator@127.0.0.1:{free_port}/nothing")
    answer = away.call("who")
    assert (seen(answer), "Retry-After" in answer.headers) == ((503, "PGRST002"), True)


def test_a_database_that_went_away_is_told(make_server: MakeServer, postgres: Cluster) -> None:
    postgres.create_database("to_go")
    with psycopg.connect(postgres.url("to_go")) as connection:
        connection.execute("create function who() returns text language sql return current_user")
    server = make_server(url=let_in(postgres.url("to_go")), schema="public")
    postgres.drop_database("to_go")
    assert server.call("who").status_code == 503
    answer = server.call("who")
    assert (seen(answer), "Retry-After" in answer.headers) == ((503, "PGRST000"), True)
