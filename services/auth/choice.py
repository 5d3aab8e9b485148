"""Which provider signs people in: Supabase Auth where SUPABASE_URL says so, else the built-in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask

from services.auth import dev_inbox
from services.auth.builtin.provider import BuiltinProvider
from services.auth.mail.choice import choose_mailer, choose_notice_mailer
from services.auth.provider import AuthProvider
from services.auth.seals import Seals
from services.auth.settings import AuthSettings
from shared.database import Database
from shared.postgres_database import PostgresDatabase

if TYPE_CHECKING:
    from services.auth.builtin.google import Google


@dataclass(frozen=True)
class Choice:
    """``ready`` and ``sweeps`` beside what every provider needs; ``install`` adds routes of its own."""

    provider: AuthProvider
    own: Database | None
    ready: Mapping[str, Callable[[], Any]]
    sweeps: tuple[Callable[[], Any], ...]
    install: Callable[[Flask], None]


def choose_provider(settings: AuthSettings, database: Database) -> Choice:
    seals = Seals(settings.auth_secret.get_secret_value())
    if settings.supabase_url is not None:
        return _choose_supabase(settings, database, seals)
    assert isinstance(database, PostgresDatabase)  # without SUPABASE_URL the settings ask for DATABASE_URL
    own = database.in_schema("builtin_auth")
    mailer = choose_mailer(settings.smtp, settings.mail_from, own, seals.name_address)
    provider = BuiltinProvider(settings, own, seals, mailer, _choose_google(settings))

    def install(app: Flask) -> None:
        if settings.keeps_mails:
            dev_inbox.api.install(app)

    return Choice(provider, own, {"keys": provider.check_ready}, (lambda: own.call("sweep"),), install)


def _choose_google(settings: AuthSettings) -> Google | None:
    if settings.google_client_id is None:
        return None
    # Imported only where it is used, as is Supabase's client below.
    from services.auth.builtin.google import Google

    return Google.of(settings)


def _choose_supabase(settings: AuthSettings, database: Database, seals: Seals) -> Choice:
    # Imported only where it is used: the client brings a second's worth of modules.
    from services.auth.supabase.mail_templates import install_mail_templates
    from services.auth.supabase.provider import SupabaseProvider

    mailer = choose_notice_mailer(settings.smtp, settings.mail_from, seals.name_address)
    provider = SupabaseProvider(settings, database, seals, mailer)
    return Choice(provider, None, {"supabase_auth": provider.check_ready}, (), install_mail_templates)
