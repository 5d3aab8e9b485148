"""PostgREST's schema cache: the functions and tables of one schema, read from the catalogue.

docs.postgrest.org, references/schema_cache and references/api/functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from tests.standins.pgrst_errors import PgrstError, no_function, no_table

ROUTINES = """
    select p.proname as name,
           coalesce(given.names, '{}') as names,
           coalesce(given.types, '{}') as types,
           p.pronargs - p.pronargdefaults as required,
           p.proretset as returns_set,
           p.prorettype = 'void'::regtype as returns_void,
           t.typtype = 'c' or p.prorettype = 'record'::regtype as returns_row,
           p.provolatile = 'v' as may_write,
           coalesce(p.proconfig, '{}') as settings
    from pg_proc p
    join pg_type t on t.oid = p.prorettype
    left join lateral (
        select array_agg(coalesce(p.proargnames[place], '') order by place) as names,
               array_agg(format_type(type, null) order by place) as types
        from unnest(p.proargtypes::oid[]) with ordinality as listed (type, place)
    ) given on true
    where p.pronamespace = %s::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
"""
TABLES = "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'p', 'v', 'm')"
# Settings of the role that is switched to, as transaction settings (references/transactions).
ROLE_SETTINGS = """
    select r.rolname, s.setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    order by s.setdatabase
"""
HOISTED = ("statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation")


@dataclass(frozen=True)
class Routine:
    name: str
    names: list[str]
    types: list[str]
    required: int
    returns_set: bool
    returns_void: bool
    returns_row: bool
    may_write: bool
    settings: list[str]

    @property
    def takes_body(self) -> bool:
        """*Functions with a single unnamed JSON parameter*: the whole body is its argument."""
        return self.names == [""] and self.types[0] in ("json", "jsonb")

    def type_of(self, name: str) -> str:
        return self.types[self.names.index(name)]

    @property
    def hoisted(self) -> dict[str, str]:
        return {name: value for name, value in map(_pair, self.settings) if name in HOISTED}

    def takes(self, given: set[str]) -> bool:
        return "" not in self.names and set(self.names[: self.required]) <= given <= set(self.names)


class SchemaCache:
    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        self.schema = schema
        with connection.cursor(row_factory=class_row(Routine)) as cursor:
            self._routines = cursor.execute(ROUTINES, [schema]).fetchall()
        self._tables = {name for (name,) in connection.execute(TABLES, [schema])}
        self._role_settings: dict[str, dict[str, str]] = {}
        for role, settings in connection.execute(ROLE_SETTINGS):
            self._role_settings.setdefault(role, {}).update(map(_pair, settings))

    def settings_of(self, role: str) -> dict[str, str]:
        return self._role_settings.get(role, {})

    def get_routine(self, name: str, given: list[str], *, by_post: bool) -> Routine:
        """Raises PgrstError PGRST202 (404, none fits) and PGRST203 (300, several do)."""
        named = [routine for routine in self._routines if routine.name == name]
        fitting = [routine for routine in named if routine.takes(set(given))]
        if not fitting and by_post:
            fitting = [routine for routine in named if routine.takes_body]
        if not fitting:
            raise no_function(self.schema, name, given)
        if len(fitting) > 1:
            raise PgrstError(300, "PGRST203", f"Could not choose the best candidate function between: {name}")
        return fitting[0]

    def check_table(self, name: str) -> None:
        if name not in self._tables:
            raise no_table(self.schema, name)


def _pair(setting: str) -> tuple[str, Any]:
    name, _, value = setting.partition("=")
    return name, value
