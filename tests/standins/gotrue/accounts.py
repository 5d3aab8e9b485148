"""Signing in with what one knows or holds, one's own account, signing out, and what anyone may ask.

supabase/auth, *internal/api/{token,user,logout,jwks,settings}.go*.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import jsonify, request
from werkzeug.wrappers import Response

from tests.standins.gotrue.challenges import exchange
from tests.standins.gotrue.core import Core, fields, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.google import Google
from tests.standins.gotrue.people import merged
from tests.standins.gotrue.store import set_password


def grant(core: Core, google: Google) -> Response:
    kind = request.args.get("grant_type", "")
    if kind == "password":
        return _sign_in(core, fields())
    if kind == "refresh_token":
        return core.refresh(text(fields(), "refresh_token"))
    if kind == "pkce":
        return exchange(core, fields())
    if kind == "id_token":
        return google.take_id_token(fields())
    raise GotrueError(400, "invalid_credentials", "unsupported_grant_type")


def _sign_in(core: Core, body: dict[str, Any]) -> Response:
    wrong = GotrueError(400, "invalid_credentials", "Invalid login credentials")
    if not text(body, "email"):
        raise invalid("missing email or phone")
    user = core.store.find_user(text(body, "email"))
    if user is None or user.password is None:
        raise wrong
    if user.is_banned():
        raise GotrueError(400, "user_banned", "User is banned")
    if not hmac.compare_digest(user.password.encode(), text(body, "password").encode()):
        raise wrong
    if not user.is_confirmed:
        raise GotrueError(400, "email_not_confirmed", "Email not confirmed")
    return core.start_session(user, "password")


def show_self(core: Core) -> Response:
    return jsonify(core.caller()[0].show())


def update_self(core: Core) -> Response:
    user, session = core.caller()
    body = fields()
    if text(body, "email") not in ("", user.email):
        raise invalid("this stand-in changes no addresses")
    if "app_metadata" in body:
        raise GotrueError(403, "not_admin", "Updating app_metadata requires admin privileges")
    if "password" in body:
        password = text(body, "password")
        core.check_password(password)
        if password == user.password:
            raise GotrueError(422, "same_password", "New password should be different from the old password.")
        set_password(core.store, user, password, keep_session=session.id if session else None)
    user.user_metadata = merged(user.user_metadata, body.get("data", {}))
    return jsonify(user.show())


def log_out(core: Core) -> Response:
    user, session = core.caller()
    scope = request.args.get("scope") or "global"
    if scope not in ("global", "local", "others"):
        raise invalid(f'Unsupported logout scope "{scope}"')
    mine = session.id if session else None
    core.store.end_sessions(user.id, only=mine if scope == "local" else None, but=mine if scope == "others" else None)
    return Response(status=204)


def show_keys(core: Core) -> Response:
    answer = jsonify(core.options.keys.jwks)
    answer.headers["Cache-Control"] = "public, max-age=600"
    return answer


def show_settings(core: Core) -> Response:
    options = core.options
    return jsonify(
        external={"email": True, "phone": False, "google": options.google, "anonymous_users": False},
        disable_signup=options.disable_signup,
        mailer_autoconfirm=options.autoconfirm,
        phone_autoconfirm=False,
        sms_provider="",
        saml_enabled=False,
    )


def show_health(_core: Core) -> Response:
    return jsonify(version="", name="GoTrue", description="GoTrue is a user registration and authentication API")
