"""The PostgREST stand-in against its documentation: calling functions, tables, schema cache.

Pages are docs.postgrest.org/en/latest/references/<page>; the statements are our own.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.standins.documented import MakeServer, Server, read_places, seen

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
