"""The endpoints, each on its one line, as GoTrue has them: without the gateway's prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.wrappers import Response

from tests.standins.gotrue import accounts, admin, links, verify
from tests.standins.gotrue.core import Core
from tests.standins.gotrue.errors import GotrueError, OAuthError, answer_error, answer_oauth_error
from tests.standins.gotrue.google import Google
from tests.standins.gotrue.limits import Bucket
from tests.standins.gotrue.options import GotrueOptions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Gotrue:
    """A WSGI application. ``google.consenting`` is who is signed in there."""

    def __init__(self, options: GotrueOptions) -> None:
        self.options = options
        self._core = Core(options)
        self.google = Google(self._core)
        self._app = _make_flask(self._core, self.google)

    def change(self, **options: Any) -> None:
        """Goes on with other limits and lifetimes."""
        self.options = self._core.options = replace(self.options, **options)

    def let_pass(self, seconds: float) -> None:
        self._core.let_pass(seconds)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._core.lock:
            return self._app(environ, start_response)


def make_app(options: GotrueOptions) -> Gotrue:
    return Gotrue(options)


def _make_flask(core: Core, google: Google) -> Flask:
    app = Flask(__name__)
    app.register_error_handler(GotrueError, answer_error)
    app.register_error_handler(OAuthError, answer_oauth_error)

    def route(rule: str, view: Callable[..., Response], bucket: Bucket | None = None) -> None:
        method, path = rule.split()

        def served(**arguments: str) -> Response:
            if bucket is not None:
                core.limits.take(bucket)
            return view(core, **arguments)

        app.add_url_rule(path, rule.replace(".", " "), served, methods=[method])

    route("POST /otp", links.ask_for_otp, "otp")
    route("POST /magiclink", links.ask_for_magic_link, "magiclink")
    route("POST /recover", links.recover, "recover")
    route("POST /signup", links.sign_up_by_request, "signup")
    route("GET /verify", verify.verify_visited, "verify")
    route("POST /verify", verify.verify_posted, "verify")
    route("POST /token", lambda core: accounts.grant(core, google), "token")
    route("POST /logout", accounts.log_out)
    route("GET /user", accounts.show_self)
    route("PUT /user", accounts.update_self, "user")
    route("GET /authorize", lambda _core: google.authorize())
    route("GET /callback", lambda _core: google.callback())
    route("GET /admin/users", admin.list_users)
    route("POST /admin/users", admin.create_user)
    route("GET /admin/users/<user_id>", admin.get_user)
    route("PUT /admin/users/<user_id>", admin.update_user)
    route("DELETE /admin/users/<user_id>", admin.delete_user)
    route("POST /admin/generate_link", admin.generate_link)
    route("POST /invite", admin.invite)
    route("GET /.well-known/jwks.json", accounts.show_keys)
    route("GET /settings", accounts.show_settings)
    route("GET /health", accounts.show_health)
    return app
