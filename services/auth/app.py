"""The auth service: who are you."""

from __future__ import annotations

import structlog
from flask import Flask, Response

from services.auth import confirm, dev_inbox, for_services, login, pages, session, users
from services.auth.builtin.provider import BuiltinProvider
from services.auth.builtin.seals import Seals
from services.auth.cookies import Cookies
from services.auth.limits import Limits
from services.auth.mail.choice import choose_mailer
from services.auth.notices import Notices
from services.auth.parts import Parts
from services.auth.people import start_removing
from services.auth.revoked import OwnRevocations
from services.auth.settings import AuthSettings
from services.auth.sweeper import start_sweeping
from shared import web
from shared.caller import Identity
from shared.errors import AppError
from shared.postgres_database import PostgresDatabase
from shared.server import on_start
from shared.service_client import ServiceClient
from shared.tokens import TokenVerifier

log = structlog.get_logger()


def create_app(settings: AuthSettings | None = None) -> Flask:
    """A Flask app. Raises SettingsError when ``settings`` are to be read and are not right."""
    settings = settings or AuthSettings.read()
    app = Flask(__name__, static_folder=None)
    service_token = settings.service_token.get_secret_value()
    assert settings.database_url is not None
    database = PostgresDatabase(
        settings.database_url.get_secret_value(), connections=settings.threads, pooler=settings.database_pooler
    )
    own = database.in_schema("builtin_auth")
    seals = Seals(settings.auth_secret.get_secret_value())
    mailer = choose_mailer(settings.smtp, settings.mail_from, own, seals.name_address)
    provider = BuiltinProvider(settings, own, seals, mailer)
    app.extensions["pulse.auth"] = Parts(
        settings=settings,
        database=database,
        own=own,
        provider=provider,
        limits=Limits(own, settings.logins_per_ip, settings.codes_per_ip),
        redirects=settings.redirects,
        cookies=Cookies.of(settings),
        notices=Notices(ServiceClient(settings.websocket_url, service_token)),
    )
    verifier = TokenVerifier(provider.public_keys, OwnRevocations(database))
    Identity(verifier, (*settings.origins, settings.own_origin), service_token).install(app)
    features = [login, confirm, session, users, for_services]
    if settings.is_local and settings.smtp is None:
        features.append(dev_inbox)
    for feature in features:
        feature.api.install(app)
    app.add_url_rule("/auth/style.css", view_func=pages.style)
    web.install(
        app,
        settings,
        "Pulse auth",
        ready={"database": lambda: own.call("list_signing_keys"), "keys": provider.check_ready},
    )
    app.register_error_handler(AppError, _answer_error)
    on_start(app, lambda: start_sweeping(own))
    on_start(app, lambda: start_removing(database, provider))
    if not settings.signup_policy.lets_anybody_join:
        log.warning("nobody_may_join", hint="set ADMIN_EMAILS, or SIGNUP=domains:example.org")
    return app


def _answer_error(error: AppError) -> Response:
    return pages.problem_page(error) if pages.wants_page() else web.answer(error)
