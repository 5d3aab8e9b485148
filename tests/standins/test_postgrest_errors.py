"""The PostgREST stand-in against its documentation: errors and their HTTP status.

Pages are docs.postgrest.org/en/latest/references/<page>; the statements are our own.
"""

from __future__ import annotations

import json

import pytest

from tests.standins.documented import MakeServer, Server, seen

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
