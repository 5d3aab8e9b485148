"""The auth service: who are you."""

from __future__ import annotations

import structlog
from flask import Flask, Response

from services.auth import confirm, for_services, google, login, methods, pages, password, people, session, users
from services.auth.choice import choose_provider
from services.auth.cookies import Cookies
from services.auth.judge import Judge
from services.auth.limits import Limits
from services.auth.notices import Notices
from services.auth.parts import Parts
from services.auth.revoked import OwnRevocations
from services.auth.settings import AuthSettings
from services.auth.sweeper import start_sweeping
from shared import web
from shared.caller import Identity
from shared.database import connect
from shared.errors import AppError
from shared.server import on_start
from shared.service_client import ServiceClient
from shared.tokens import TokenVerifier

NEVER = 2**62  # a position no revocation will have

log = structlog.get_logger()


def create_app(settings: AuthSettings | None = None) -> Flask:
    """A Flask app. Raises SettingsError when ``settings`` are to be read and are not right."""
    settings = settings or AuthSettings.read()
    app = Flask(__name__, static_folder=None)
    service_token = settings.service_token.get_secret_value()
    database = connect(settings, settings.threads)
    choice = choose_provider(settings, database)
    app.extensions["pulse.auth"] = Parts(
        settings=settings,
        database=database,
        own=choice.own,
        provider=choice.provider,
        limits=Limits(database, settings.logins_per_ip, settings.codes_per_ip),
        judge=Judge(waiting=settings.threads // 2),
        redirects=settings.redirects,
        cookies=Cookies.of(settings),
        notices=Notices(ServiceClient(settings.websocket_url, service_token)),
    )
    verifier = TokenVerifier(choice.provider.public_keys, OwnRevocations(database), shared_secret=settings.jwt_secret)
    Identity(verifier, (*settings.origins, settings.own_origin), service_token).install(app)
    for feature in (login, confirm, password, methods, google, session, users, for_services):
        feature.api.install(app)
    choice.install(app)
    app.add_url_rule("/auth/style.css", view_func=pages.style)
    ready = {"database": lambda: database.call("list_revocations", after_position=NEVER), **choice.ready}
    web.install(app, settings, "Pulse auth", ready=ready)
    app.register_error_handler(AppError, _answer_error)
    on_start(app, lambda: start_sweeping((*choice.sweeps, lambda: database.call("sweep_sign_ins"))))
    on_start(app, lambda: people.start_removing(database, choice.provider))
    if not settings.signup_policy.lets_anybody_join:
        log.warning("nobody_may_join", hint="set ADMIN_EMAILS, or SIGNUP=domains:example.org")
    return app


def _answer_error(error: AppError) -> Response:
    return pages.problem_page(error) if pages.wants_page() else web.answer(error)
