"""The PostgREST stand-in against the cases of PostgREST's documentation.

Each test names its page, docs.postgrest.org/en/latest/references/<page>; the statements are our own.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from werkzeug.test import Client, TestResponse

from ops.postgres import Cluster
from tests.signing import Signer
from tests.standins.keys import ProjectKeys
from tests.standins.postgrest import Config, PostgREST
from tests.standins.project import let_in

DOCUMENTED = Path(__file__).with_name("documented.sql").read_text()
KEYS = ProjectKeys()
USER = KEYS.sign({"role": "authenticated", "sub": "ann"})

MakeServer = Callable[..., "Server"]


class Server:
    """PostgREST without a network: what matters here is what it answers."""

    def __init__(self, app: PostgREST) -> None:
        self.app = app
        self._client = Client(app)

    def ask(self, method: str, path: str, *, token: str | None = USER, **how: Any) -> TestResponse:
        headers = dict(how.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token}")
        return self._client.open(path, method=method, headers=headers, **how)

    def call(self, function: str, arguments: Any = None, **how: Any) -> TestResponse:
        return self.ask("POST", f"/rpc/{function}", json={} if arguments is None else arguments, **how)

    def code(self, function: str, arguments: Any = None, **how: Any) -> tuple[int, str]:
        return seen(self.call(function, arguments, **how))


def seen(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json()
    assert answer.headers["Proxy-Status"] == f"PostgREST; error={body['code']}"
    return answer.status_code, body["code"]


@pytest.fixture(scope="module")
def owner(postgres: Cluster, template: str) -> Iterator[str]:
    """A database with the functions of ``documented.sql`` in schema ``api``; its owner's address."""
    name = f"postgrest_{secrets.token_hex(4)}"
    postgres.create_database(name, template)
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute(DOCUMENTED.encode())
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def make_server(owner: str) -> Iterator[MakeServer]:
    made: list[PostgREST] = []
    url = let_in(owner)

    def make(**changed: Any) -> Server:
        fields = {"url": url, "jwt_secret": KEYS.jwt_secret, "jwks": KEYS.jwks, "schema": "api", **changed}
        made.append(PostgREST(Config(**fields)))
        return Server(made[-1])

    yield make
    for app in made:
        app.close()


@pytest.fixture(scope="module")
def server(make_server: MakeServer) -> Server:
    return make_server()


# references/api/functions


def test_arguments_are_named_in_a_json_object(server: Server) -> None:
    answer = server.call("plus", {"a": 1, "b": 2})
    assert (answer.status_code, answer.data) == (200, b"3")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_an_argument_with_a_default_may_be_left_out(server: Server) -> None:
    assert server.call("plus", {"a": 1}).get_json() == 2


def test_a_function_that_only_reads_is_called_by_get_too(server: Server) -> None:
    assert server.ask("GET", "/rpc/plus?a=1&b=2").get_json() == 3


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_no_other_verb_calls_a_function(server: Server, method: str) -> None:
    assert seen(server.ask(method, "/rpc/plus")) == (405, "PGRST101")


def test_an_array_of_objects_is_one_jsonb_argument(server: Server) -> None:
    assert server.call("count_items", {"items": [{"a": 1}, {"a": "2"}]}).get_json() == 2


def test_a_single_unnamed_json_parameter_takes_the_whole_body(server: Server) -> None:
    assert server.call("times", {"x": 4, "y": 2}).get_json() == 8


def test_an_array_parameter_takes_a_json_array(server: Server) -> None:
    assert server.call("plus_each", {"numbers": [1, 2, 3]}).get_json() == [2, 3, 4]


@pytest.mark.parametrize("value", [{"a": [1, None, "é\n"]}, [], "text", 1.5, True, None])
def test_a_jsonb_argument_and_answer_stay_as_they_are(server: Server, value: Any) -> None:
    assert server.call("echo", {"value": value}).get_json() == value


def test_a_text_is_answered_as_a_json_string(server: Server) -> None:
    assert server.call("say", {"word": 'a "word"'}).data == b'"a \\"word\\""'
    assert server.call("say", {"word": None}).data == b"null"


def test_arguments_are_cast_to_the_declared_types(server: Server) -> None:
    person = "6e5c8f0a-3dd6-4d5e-8e1d-3f0e7f6d9c11"
    given = {"id": person.upper(), "at": "1970-01-01T01:00:01+01:00", "sure": True}
    assert server.call("know", given).get_json() == {"id": person, "epoch": 1.0, "sure": True}
    assert server.call("know", dict.fromkeys(given)).get_json() == {"id": None, "epoch": None, "sure": None}
    assert server.code("know", {**given, "id": "ann"}) == (400, "22P02")
    assert server.code("know", {**given, "at": "noon"}) == (400, "22007")
    assert server.code("say", {"word": "\x00"}) == (400, "22P05")


def test_an_answer_has_the_shape_of_what_the_function_returns(server: Server) -> None:
    assert server.call("one_visit", {"place": "here"}).get_json() == {"id": 7, "place": "here"}
    assert server.call("count_to", {"top": 3}).get_json() == [1, 2, 3]
    assert server.call("count_to", {"top": 0}).get_json() == []
    assert server.call("squares", {"top": 2}).get_json() == [{"n": 1, "square": 1}, {"n": 2, "square": 4}]
    nothing = server.call("visit", {"place": "void"})
    assert (nothing.status_code, nothing.data) == (204, b"")


def test_overloads_are_told_apart_by_their_arguments_names(server: Server) -> None:
    assert server.call("lasts", {"customer": 1}).get_json() == "one"
    assert server.call("lasts", {"customer": 1, "since": "2018-07-01"}).get_json() == "two"


def test_overloads_with_the_same_names_are_refused(server: Server) -> None:
    assert server.code("same", {"value": 1}) == (300, "PGRST203")


# references/schema_cache, references/errors *Group 2*


@pytest.mark.parametrize("arguments", [{}, {"b": 1}, {"a": 1, "c": 2}, {"A": 1}])
def test_a_function_is_known_by_its_name_and_its_arguments(server: Server, arguments: dict[str, int]) -> None:
    assert server.code("plus", arguments) == (404, "PGRST202")
    assert server.code("minus", {"a": 1}) == (404, "PGRST202")


def test_a_missing_function_is_described(server: Server) -> None:
    body = server.call("minus", {"a": 1, "b": 2}).get_json()
    assert body["message"] == "Could not find the function api.minus(a, b) in the schema cache"
    assert set(body) == {"code", "message", "details", "hint"}


def test_a_new_function_is_not_there_before_the_cache_is_reloaded(make_server: MakeServer, owner: str) -> None:
    server = make_server()
    with psycopg.connect(owner) as connection:
        connection.execute("create function api.newcomer() returns integer language sql immutable return 1")
    assert server.code("newcomer") == (404, "PGRST202")
    server.app.reload()
    assert server.call("newcomer").get_json() == 1
    with psycopg.connect(owner) as connection:
        connection.execute("drop function api.newcomer")
    assert server.code("newcomer") == (404, "42883")


# references/errors *Group 1*, references/api/schemas


@pytest.mark.parametrize("body", [b"{", b"{'a': 1}", b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_not_json_is_refused(server: Server, body: bytes) -> None:
    assert seen(server.ask("POST", "/rpc/plus", data=body, content_type="application/json")) == (400, "PGRST102")


def test_no_body_is_no_arguments(server: Server) -> None:
    assert server.ask("POST", "/rpc/who", data=b"", content_type="application/json").get_json() == "authenticated"


@pytest.mark.parametrize(("method", "header"), [("GET", "Accept-Profile"), ("POST", "Content-Profile")])
def test_no_schema_but_the_exposed_is_reached(server: Server, method: str, header: str) -> None:
    assert server.ask(method, "/rpc/who", headers={header: "api"}).get_json() == "authenticated"
    for schema in ("public", "builtin_auth", "pg_catalog"):
        assert seen(server.ask(method, "/rpc/who", headers={header: schema})) == (406, "PGRST106")


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "/", (404, "PGRST126")),
        ("GET", "/visits/1", (404, "PGRST125")),
        ("GET", "/nothing", (404, "PGRST205")),
        ("PUT", "/visits", (405, "PGRST117")),
        ("GET", "/visits?id=1", (400, "PGRST100")),
    ],
)
def test_what_is_not_there_is_said_to_be(server: Server, method: str, path: str, refused: tuple[int, str]) -> None:
    assert seen(server.ask(method, path)) == refused


# references/errors *HTTP Status Codes*

STATUSES = {
    "08000": 503, "09000": 500, "0L000": 403, "0P000": 403, "23503": 409, "23505": 409, "25006": 405, "25001": 500,
    "28000": 403, "2D000": 500, "38000": 500, "39000": 500, "3B000": 500, "40001": 500, "40P01": 500, "53400": 500,
    "53000": 503, "53300": 503, "54000": 500, "55000": 500, "55P03": 500, "57000": 500, "57014": 500, "58000": 500,
    "F0000": 500, "HV000": 500, "P0001": 400, "P0002": 500, "XX000": 500, "42883": 404, "42P01": 404, "42P17": 500,
    "42501": 403, "22000": 400, "22P02": 400, "23502": 400, "23514": 400, "42601": 400, "PT402": 402, "PT409": 409,
    "PT500": 500,
}  # fmt: skip


@pytest.mark.parametrize("state", STATUSES)
def test_an_sqlstate_is_an_http_status(server: Server, state: str) -> None:
    assert server.code("fail", {"state": state}) == (STATUSES[state], state)


def test_whom_nobody_knows_is_asked_to_sign_in(server: Server) -> None:
    answer = server.call("fail", {"state": "42501"}, token=None)
    assert (seen(answer), answer.headers["WWW-Authenticate"]) == ((401, "42501"), "Bearer")


def test_an_error_is_passed_on_with_detail_and_hint(server: Server) -> None:
    given = {"state": "PT402", "said": "Pay", "told": "Quota", "hinted": "Upgrade"}
    body = server.call("fail", given).get_json()
    assert body == {"code": "PT402", "message": "Pay", "details": "Quota", "hint": "Upgrade"}


def test_a_broken_constraint_is_passed_on_as_postgres_says_it(server: Server) -> None:
    body = server.call("visit", {"place": None}).get_json()
    assert body["code"] == "23502"
    assert body["message"].startswith('null value in column "place"')
    assert body["details"].startswith("Failing row contains (")


def test_a_function_may_choose_the_whole_answer(server: Server) -> None:
    said = json.dumps({"code": "123", "message": "Pay", "details": "Quota", "hint": "Upgrade"})
    told = json.dumps({"status": 402, "headers": {"X-Powered-By": "us"}})
    answer = server.call("fail", {"state": "PGRST", "said": said, "told": told})
    assert (seen(answer), answer.headers["X-Powered-By"]) == ((402, "123"), "us")
    assert server.code("fail", {"state": "PGRST", "said": "Pay", "told": told}) == (500, "PGRST121")


def test_minimal_verbosity_shows_code_and_message_only(make_server: MakeServer) -> None:
    quiet = make_server(verbose_errors=False)
    body = quiet.call("fail", {"state": "PT402", "said": "Pay", "told": "Quota"}).get_json()
    assert body == {"code": "PT402", "message": "Pay"}


# references/transactions


def read_places(server: Server) -> set[str]:
    return {row["place"] for row in server.ask("GET", "/visits").get_json()}


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


# references/auth


def test_without_a_token_one_is_anonymous(server: Server) -> None:
    assert server.call("who", token=None).get_json() == "anon"
    assert server.call("who", token=KEYS.sign({"sub": "ann"})).get_json() == "anon"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_s_role_is_taken_on(server: Server, scheme: str) -> None:
    for token, role in ((USER, "authenticated"), (KEYS.role_token("service_role"), "service_role")):
        assert server.call("who", headers={"Authorization": f"{scheme} {token}"}).get_json() == role


def test_where_nobody_may_be_anonymous_a_token_is_needed(make_server: MakeServer) -> None:
    closed = make_server(anon_role=None)
    assert closed.call("who").get_json() == "authenticated"
    assert closed.code("who", token=None) == (401, "PGRST302")


def test_a_token_must_be_signed_by_a_key_of_the_project(server: Server) -> None:
    claims = {"role": "service_role"}
    stranger, unknown = Signer(KEYS.signer.kid), Signer("another")
    unsigned = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."
    for token in (stranger.sign(claims), unknown.sign(claims), unsigned, "sb_secret_opaque", "a.b.c", USER + "x"):
        answer = server.call("who", token=token)
        assert seen(answer) == (401, "PGRST301"), token
        assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize(("claim", "fits", "fails"), [("exp", -20, -40), ("nbf", 20, 40), ("iat", 20, 40)])
def test_a_token_s_times_are_checked_with_thirty_seconds_of_grace(
    server: Server, claim: str, fits: int, fails: int
) -> None:
    now = int(time.time())
    assert server.call("who", token=KEYS.sign({claim: now + fits, "role": "authenticated"})).status_code == 200
    assert server.code("who", token=KEYS.sign({claim: now + fails, "role": "authenticated"})) == (401, "PGRST303")
    assert server.code("who", token=KEYS.sign({claim: "soon", "role": "authenticated"})) == (401, "PGRST303")


def test_a_role_that_was_not_granted_is_refused(server: Server) -> None:
    assert server.code("who", token=KEYS.sign({"role": "postgres"})) == (403, "42501")
    assert server.code("who", token=KEYS.sign({"role": "nobody_there"})) == (401, "22023")


# references/api/tables_views, references/configuration *db-max-rows*, references/api/resource_representation


def test_a_table_is_for_those_it_was_granted_to(server: Server) -> None:
    there = {"place": "table"}
    for method, body in (("GET", None), ("POST", there), ("PATCH", there), ("DELETE", None)):
        assert seen(server.ask(method, "/visits?place=eq.table", json=body, token=None)) == (401, "42501")
    assert server.ask("POST", "/visits", json=there).status_code == 201
    changed = server.ask("PATCH", "/visits?place=eq.table", json={"place": "chair"}, headers=RETURN)
    assert (changed.status_code, [row["place"] for row in changed.get_json()]) == (200, ["chair"])
    assert server.ask("DELETE", "/visits?place=eq.chair").status_code == 204
    assert not {"table", "chair"} & read_places(server)


RETURN = {"Prefer": "return=representation"}


def test_max_rows_cuts_sets_and_tables_and_nothing_else(make_server: MakeServer) -> None:
    cut = make_server(max_rows=2)
    for n in range(3):
        cut.call("visit", {"place": f"row {n}"})
    assert cut.call("count_to", {"top": 5}).get_json() == [1, 2]
    assert len(cut.call("squares", {"top": 5}).get_json()) == 2
    assert len(cut.ask("GET", "/visits").get_json()) == 2
    assert cut.call("plus_each", {"numbers": [1, 2, 3]}).get_json() == [2, 3, 4]
    assert cut.call("echo", {"value": [1, 2, 3]}).get_json() == [1, 2, 3]


def test_a_single_object_may_be_asked_for(server: Server) -> None:
    single = {"Accept": "application/vnd.pgrst.object+json"}
    assert server.call("squares", {"top": 1}, headers=single).get_json() == {"n": 1, "square": 1}
    for top in (0, 2):
        assert server.code("squares", {"top": top}, headers=single) == (406, "PGRST116")


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
        assert waiting.result(timeout=10).status_code == 204
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
