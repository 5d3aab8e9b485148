"""A whole Supabase project on loopback, over one test database.

    with SupabaseProject(database) as project:
        run_service(environment={**project.settings, …})

``project.gateway`` records what was asked and brings faults; ``project.postgrest`` can be reloaded.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from tests.standins.gateway import Gateway
from tests.standins.keys import KeyStyle, ProjectKeys, Signing
from tests.standins.postgrest import Config, PostgREST
from tests.standins.server import serve

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from tests.conftest import Database

AUTHENTICATOR_PASSWORD = "authenticator-in-tests"
# The API's roles as a hosted project sets them up (reference: Supabase, *Timeouts*).
ROLES = """
    do $$ begin
        create role authenticator noinherit;
    exception when duplicate_object then null;
    end $$;
    grant anon, authenticated, service_role to authenticator;
    alter role authenticator set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    grant usage on schema public to anon, authenticated, service_role;
"""


def let_in(owner_url: str) -> str:
    """Make the role that PostgREST logs in as; returns its address of the same database."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        # One test process's databases share a server, and two of them may be made at once.
        owner.execute("select pg_advisory_lock(5270)")
        owner.execute(ROLES)
        owner.execute(sql.SQL("alter role authenticator login password {}").format(AUTHENTICATOR_PASSWORD))
    place = urlsplit(owner_url)
    login = f"authenticator:{quote(AUTHENTICATOR_PASSWORD, safe='')}@{place.hostname}:{place.port}"
    return place._replace(netloc=login).geturl()


class SupabaseProject:
    """``keys`` is the style of the API keys, ``signing`` what access tokens are signed by. Use it as a context."""

    def __init__(
        self, database: Database, *, keys: KeyStyle = "sb", signing: Signing = "ES256", port: int = 0, **config: Any
    ) -> None:
        """``config`` goes to ``postgrest.Config``: max_rows, pool, pool_acquisition_seconds…"""
        self.database = database
        self.keys = ProjectKeys(keys, signing)
        jwks = self.keys.jwks
        self.postgrest = PostgREST(
            Config(let_in(database.owner_url), jwt_secret=self.keys.jwt_secret, jwks=jwks, **config)
        )
        self.gateway = Gateway(self.keys, {"/rest/v1": self.postgrest})
        self._port = port
        self._stack = ExitStack()
        self.url = ""

    def __enter__(self) -> SupabaseProject:
        self._stack.callback(self.postgrest.close)
        self.url = self._stack.enter_context(serve(self.gateway, self._port))
        self._stack.callback(self.gateway.faults.release)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def publishable_key(self) -> str:
        return self.keys.publishable_key

    @property
    def secret_key(self) -> str:
        return self.keys.secret_key

    @property
    def jwt_secret(self) -> str:
        return self.keys.jwt_secret

    @property
    def settings(self) -> dict[str, str]:
        """The environment of services that use this project."""
        settings = {
            "SUPABASE_URL": self.url,
            "SUPABASE_SECRET_KEY": self.secret_key,
            "SUPABASE_PUBLISHABLE_KEY": self.publishable_key,
        }
        if self.keys.signing == "HS256":
            settings["SUPABASE_JWT_SECRET"] = self.jwt_secret
        return settings

    def mount_auth(self, app: WSGIApplication) -> None:
        """Whatever speaks GoTrue's wire: the stand-in, or ``gateway.Proxy`` before the real server."""
        self.gateway.mount("/auth/v1", app)
