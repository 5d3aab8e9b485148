"""Nothing but the services reads or writes: the keys that leave the servers, against every table and function of ours.

In a database where, as on hosted Supabase, new things are granted to everybody, through PostgREST as it is exposed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from ops.migrate import APP_ROLE, migrate
from ops.postgres import Cluster
from shared.supabase_database import SupabaseDatabase
from tests.conftest import APP_PASSWORD, Database
from tests.people import Known, add_person, item
from tests.sql.tables import read_tables
from tests.standins.project import SupabaseProject

SCHEMAS = ("public", "builtin_auth")
TABLES = """
    select n.nspname, c.relname,
           (select min(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attidentity = '')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%s) and c.relkind in ('r', 'p', 'v', 'm') order by 1, 2
"""
FUNCTIONS = """
    select n.nspname, p.proname, coalesce(p.proargnames, '{}')
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = any(%s) and p.prokind = 'f'
      and p.prorettype <> 'trigger'::regtype -- nobody can call those
    order by 1, 2
"""
Refusals = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Hosted:
    """Two people have written to each other here; ``tables`` and ``functions`` are what the catalogue lists."""

    project: SupabaseProject
    browser: httpx.Client
    ann: Known
    tables: list[tuple[str, str, str]]
    functions: list[tuple[str, str, list[str]]]

    def ask(self, who: dict[str, str], method: str, path: str, schema: str, body: Any = None) -> tuple[int, str]:
        profile = {} if schema == "public" else {"Accept-Profile": schema, "Content-Profile": schema}
        answer = self.browser.request(
            method, f"{self.project.url}/rest/v1/{path}", json=body, headers={**who, **profile}
        )
        if answer.is_success:
            return answer.status_code, ""
        return answer.status_code, answer.json()["code"]

    def ask_tables(self, who: dict[str, str], schema: str) -> Refusals:
        answers = {}
        for _, table, column in [listed for listed in self.tables if listed[0] == schema]:
            for method, path, body in (
                ("GET", table, None),
                ("POST", table, {column: None}),
                ("PATCH", table, {column: None}),
                ("DELETE", table, None),
            ):
                answers[f"{method} {schema}.{table}"] = self.ask(who, method, path, schema, body)
        return answers

    def ask_functions(self, who: dict[str, str], schema: str) -> Refusals:
        return {
            f"{schema}.{function}({', '.join(names)})": self.ask(
                who, "POST", f"rpc/{function}", schema, dict.fromkeys(names)
            )
            for place, function, names in self.functions
            if place == schema
        }


@pytest.fixture(scope="module", params=["sb", "jwt"])
def hosted(request: pytest.FixtureRequest, postgres: Cluster, template: str) -> Iterator[Hosted]:
    """``template`` has made the cluster's roles."""
    name = f"hosted_{secrets.token_hex(4)}"
    postgres.create_database(name)
    with psycopg.connect(postgres.url(name)) as owner:
        for kind in ("tables", "functions", "sequences"):
            owner.execute(f"alter default privileges grant all on {kind} to anon, authenticated, service_role".encode())
    migrate(postgres.url(name), APP_PASSWORD)
    database = Database(postgres.url(name, APP_ROLE, APP_PASSWORD), postgres.url(name))
    with psycopg.connect(database.owner_url) as owner:
        tables = owner.execute(TABLES, [list(SCHEMAS)]).fetchall()
        functions = owner.execute(FUNCTIONS, [list(SCHEMAS)]).fetchall()
    with SupabaseProject(database, keys=request.param) as project, httpx.Client(trust_env=False) as browser:
        port = SupabaseDatabase(project.url, project.secret_key)
        ann, ben = add_person(port, "Ann"), add_person(port, "Ben")
        room = port.call("open_direct", caller=ann.id, recipient=str(ben.id))["conversation_id"]
        port.call("send_messages", messages=[item(ann, room)])
        port.close()
        yield Hosted(project, browser, ann, tables, functions)
    postgres.drop_database(name)


def credentials(hosted: Hosted, who: str) -> tuple[dict[str, str], int]:
    """What they send, and the status they are refused with."""
    key = hosted.project.publishable_key
    if who == "anon":
        return {"apikey": key, "Authorization": f"Bearer {key}"}, 401
    return {"apikey": key, "Authorization": f"Bearer {hosted.project.keys.user_token(hosted.ann.id)}"}, 403


STRANGERS = pytest.mark.parametrize("who", ["anon", "ann's own token"])


@STRANGERS
def test_no_table_is_read_or_written(hosted: Hosted, who: str) -> None:
    given, status = credentials(hosted, who)
    before = read_tables(hosted.project.database.owner_url, clocks=True)
    refused = hosted.ask_tables(given, "public")
    assert {"GET public.users", "POST public.messages", "DELETE public.outbox"} <= set(refused)
    assert len(refused) == 4 * sum(schema == "public" for schema, *_ in hosted.tables)
    assert refused == dict.fromkeys(refused, (status, "42501"))
    assert read_tables(hosted.project.database.owner_url, clocks=True) == before


@STRANGERS
def test_no_function_is_called(hosted: Hosted, who: str) -> None:
    given, status = credentials(hosted, who)
    before = read_tables(hosted.project.database.owner_url, clocks=True)
    refused = hosted.ask_functions(given, "public")
    assert {"public.send_messages(messages)", "public.measure_outbox()"} <= set(refused)
    assert len(refused) == sum(schema == "public" for schema, *_ in hosted.functions)
    assert refused == dict.fromkeys(refused, (status, "42501"))
    assert read_tables(hosted.project.database.owner_url, clocks=True) == before


@STRANGERS
def test_the_built_in_providers_schema_is_not_reached_at_all(hosted: Hosted, who: str) -> None:
    given, _ = credentials(hosted, who)
    refused = {**hosted.ask_tables(given, "builtin_auth"), **hosted.ask_functions(given, "builtin_auth")}
    assert "GET builtin_auth.refresh_tokens" in refused
    assert refused == dict.fromkeys(refused, (406, "PGRST106"))
    here = {table for schema, table, _ in hosted.tables if schema == "public"}
    for schema, table, _ in hosted.tables:
        if schema == "builtin_auth" and table not in here:
            assert hosted.ask(given, "GET", table, "public") == (404, "PGRST205")


def test_the_secret_key_reaches_each_of_them(hosted: Hosted) -> None:
    """So that what is refused above is refused for who asks, not for how."""
    key = hosted.project.secret_key
    given = {"apikey": key, "Authorization": f"Bearer {key}"}
    tables, functions = hosted.ask_tables(given, "public"), hosted.ask_functions(given, "public")
    assert {answer[0] for asked, answer in tables.items() if asked.startswith("GET")} == {200}
    reached = {asked: code for asked, (_, code) in {**tables, **functions}.items()}
    assert [asked for asked, code in reached.items() if code == "42501" or code.startswith("PGRST")] == []


def test_a_person_can_not_make_a_service_of_themselves(hosted: Hosted) -> None:
    keys, key = hosted.project.keys, hosted.project.publishable_key
    parts = keys.user_token(hosted.ann.id).split(".")
    forged = type(keys)(keys.style).user_token(hosted.ann.id, role="service_role").split(".")
    for token in (".".join(forged), ".".join([parts[0], forged[1], parts[2]]), ".".join([*forged[:2], ""])):
        given = {"apikey": key, "Authorization": f"Bearer {token}"}
        assert hosted.ask(given, "GET", "users", "public") == (401, "PGRST301")
    for role in ("pulse_app", "postgres", "authenticator"):
        # Not even a signed token takes on a role that PostgREST was not granted.
        given = {"apikey": key, "Authorization": f"Bearer {keys.user_token(hosted.ann.id, role=role)}"}
        assert hosted.ask(given, "GET", "users", "public") == (403, "42501")
