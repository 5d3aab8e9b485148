"""A whole Supabase project on loopback, over one test database.

    with SupabaseProject(database) as project:
        run_service(environment={**project.settings, …})

``project.gateway`` records what was asked and brings faults; ``project.postgrest`` can be reloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from ops.ports import find_free_port
from tests.standins.gateway import Gateway, Proxy
from tests.standins.gotrue import Gotrue, GotrueOptions, make_app
from tests.standins.keys import KeyStyle, ProjectKeys, Signing
from tests.standins.mailbox import Mailbox, serve_mailbox
from tests.standins.postgrest import Config, PostgREST
from tests.standins.real_gotrue import RealGotrue, lock_server, serve_gotrue
from tests.standins.server import serve

if TYPE_CHECKING:
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
    with lock_server(owner_url, 5270), psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(ROLES)
        owner.execute(sql.SQL("alter role authenticator login password {}").format(AUTHENTICATOR_PASSWORD))
    place = urlsplit(owner_url)
    login = f"authenticator:{quote(AUTHENTICATOR_PASSWORD, safe='')}@{place.hostname}:{place.port}"
    return place._replace(netloc=login).geturl()


class SupabaseProject:
    """``keys`` is the style of the API keys, ``signing`` what access tokens are signed by. Use it as a context.

    ``auth`` are fields of ``GotrueOptions``, ``site_url`` at least; without it the project has no Auth and no mailbox.
    With ``real_auth``, a folder to run it in, Auth is the real server that GOTRUE_BIN names. The rest goes to
    ``postgrest.Config``: max_rows, pool, pool_acquisition_seconds.
    """

    mailbox: Mailbox
    gotrue: Gotrue
    auth_server: Gotrue | RealGotrue

    def __init__(
        self,
        database: Database,
        *,
        keys: KeyStyle = "sb",
        signing: Signing = "ES256",
        port: int = 0,
        auth: Mapping[str, Any] | None = None,
        real_auth: Path | None = None,
        **postgrest: Any,
    ) -> None:
        self.database = database
        self.keys = ProjectKeys(keys, signing)
        url = let_in(database.owner_url)
        self.postgrest = PostgREST(
            Config(url, jwt_secret=self.keys.jwt_secret, jwks=self.keys.jwks, **postgrest),
        )
        self.gateway = Gateway(self.keys, {"/rest/v1": self.postgrest})
        self.url = ""
        self._port, self._auth, self._real_auth = port, auth, real_auth
        self._stack = ExitStack()

    def __enter__(self) -> SupabaseProject:
        with ExitStack() as stack:
            stack.callback(self.postgrest.close)
            self.url = stack.enter_context(serve(self.gateway, self._port))
            stack.callback(self.gateway.faults.release)
            if self._auth is not None:
                self.mailbox = stack.enter_context(serve_mailbox())
                self._mount_auth(stack, {"smtp_port": self.mailbox.port, **self._auth})
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _mount_auth(self, stack: ExitStack, fields: dict[str, Any]) -> None:
        options = GotrueOptions(keys=self.keys, external_url=f"{self.url}/auth/v1", **fields)
        if self._real_auth is None:
            self.gotrue = self.auth_server = make_app(options)
            self.gateway.mount("/auth/v1", self.gotrue)
            return
        owner_url = self.database.owner_url
        self.auth_server = stack.enter_context(serve_gotrue(options, owner_url, find_free_port(), self._real_auth))
        self.gateway.mount("/auth/v1", Proxy(self.auth_server.url))

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
