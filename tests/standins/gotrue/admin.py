"""What the service key may do: ``/admin/users``, ``/admin/generate_link`` and ``/invite``.

supabase/auth, *internal/api/{admin,mail,invite}.go*.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, jsonify, request

from tests.standins.gotrue.core import Core, address, fields, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.links import MailType, confirm, hash_token, make_otp, put_link, send_link
from tests.standins.gotrue.mails import confirmation_url
from tests.standins.gotrue.people import User, merged, new_user, now
from tests.standins.gotrue.redirects import choose_redirect
from tests.standins.gotrue.store import set_password

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
PER_PAGE = 50
TAKEN = "A user with this email address has already been registered"


def list_users(core: Core) -> Response:
    core.check_admin()
    try:
        page, per_page = int(request.args.get("page") or 1), int(request.args.get("per_page") or PER_PAGE)
    except ValueError:
        raise invalid("Bad Pagination Parameters") from None
    users = sorted(core.store.users.values(), key=lambda user: user.created_at, reverse=True)
    pages = -(-len(users) // per_page)
    answer = jsonify(
        users=[user.show() for user in users[(page - 1) * per_page : page * per_page]], aud="authenticated"
    )
    answer.headers["X-Total-Count"] = str(len(users))
    links = [(page + 1, "next")] if pages > page else []
    path = request.path
    answer.headers["Link"] = ", ".join(
        f'<{path}?{urlencode({"page": number, "per_page": per_page})}>; rel="{rel}"'
        for number, rel in [*links, (pages, "last")]
    )
    return answer


def create_user(core: Core) -> Response:
    core.check_admin()
    body = fields()
    if not text(body, "email"):
        raise invalid("Cannot create a user without either an email or phone")
    email = address(body)
    if core.store.find_user(email):
        raise GotrueError(422, "email_exists", TAKEN)
    # An administrator's choice of password is not measured.
    user = new_user(email, text(body, "password") or secrets.token_urlsafe(24), body.get("user_metadata", {}))
    user.identities[0].data = {
        key: user.identities[0].data[key] for key in ("sub", "email", "email_verified", "phone_verified")
    }
    if text(body, "id"):
        user.id = user.identities[0].user_id = text(body, "id")
    user.role = text(body, "role") or user.role
    user.app_metadata.update(body.get("app_metadata", {}))
    core.store.users[user.id] = user
    if body.get("email_confirm"):
        confirm(core, user)
    _ban(core, user, text(body, "ban_duration"))
    return jsonify(user.show())


def get_user(core: Core, user_id: str) -> Response:
    core.check_admin()
    return jsonify(_find(core, user_id).show())


def update_user(core: Core, user_id: str) -> Response:
    core.check_admin()
    user, body = _find(core, user_id), fields()
    email = address(body) if text(body, "email") else None
    if email and core.store.find_user(email) not in (None, user):
        raise GotrueError(500, "unexpected_failure", "Error updating user")
    password = text(body, "password")
    if "password" in body:
        core.check_password(password)
    user.role = text(body, "role") or user.role
    if body.get("email_confirm"):
        confirm(core, user)
    if "password" in body:
        set_password(core.store, user, password, keep_session=None)
    if email:
        user.email = email
        for identity in user.identities:
            if identity.provider == "email":
                identity.data = {**identity.data, "email": email, "email_verified": bool(body.get("email_confirm"))}
    user.app_metadata = merged(user.app_metadata, body.get("app_metadata", {}))
    user.user_metadata = merged(user.user_metadata, body.get("user_metadata", {}))
    _ban(core, user, text(body, "ban_duration"))
    return jsonify(user.show())


def delete_user(core: Core, user_id: str) -> Response:
    core.check_admin()
    user = _find(core, user_id)
    if (request.get_json(silent=True) or {}).get("should_soft_delete"):
        core.store.end_sessions(user.id)
        user.times["deleted_at"] = now()
        user.email, user.password, user.identities = f"deleted-{user.id}", None, []
    else:
        core.store.delete_user(user)
    return jsonify({})


def generate_link(core: Core) -> Response:
    """No mail goes out: whoever asks sends it."""
    core.check_admin()
    body = fields()
    email, kind = address(body), text(body, "type")
    target = choose_redirect(core.options, text(body, "redirect_to"), core.redirect_to())
    user = core.store.find_user(email)
    if user is None and kind == "magiclink":
        kind, body["password"] = "signup", secrets.token_urlsafe(24)
    if user is None and kind == "recovery":
        raise GotrueError(404, "user_not_found", "User with this email not found")
    kinds: dict[str, MailType] = {
        "signup": "signup",
        "invite": "invite",
        "magiclink": "magiclink",
        "recovery": "recovery",
    }
    if kind not in kinds:
        raise invalid(f"Invalid email action link type requested: {kind}")
    if kind in ("signup", "invite"):
        if user is not None and user.is_confirmed:
            raise GotrueError(422, "email_exists", TAKEN)
        if user is None:
            if kind == "signup":
                core.check_password(text(body, "password"))
            user = new_user(email, text(body, "password") or None, body.get("data", {}))
            core.store.users[user.id] = user
    assert user is not None
    otp = make_otp(core)
    token_hash = hash_token(email, otp)
    put_link(core, user, kinds[kind], token_hash)
    told = {
        "action_link": confirmation_url(core.options, token_hash, kind, target),
        "email_otp": otp,
        "hashed_token": token_hash,
        "verification_type": kind,
        "redirect_to": target,
    }
    return jsonify({**user.show(), **told})


def invite(core: Core) -> Response:
    core.check_admin()
    body = fields()
    email = address(body)
    user = core.store.find_user(email)
    if user is not None and user.is_confirmed:
        raise GotrueError(422, "email_exists", TAKEN)
    user = user or new_user(email, None, body.get("data", {}))
    send_link(core, user, "invite")
    return jsonify(user.show())


def _find(core: Core, user_id: str) -> User:
    try:
        user = core.store.users.get(str(UUID(user_id)))
    except ValueError:
        raise GotrueError(404, "validation_failed", "user_id must be an UUID") from None
    if user is None:
        raise GotrueError(404, "user_not_found", "User not found")
    return user


def _ban(core: Core, user: User, duration: str) -> None:
    """Go's durations, like ``24h`` or ``1h30m``; ``none`` lifts a ban."""
    if not duration:
        return
    parts = DURATION.findall(duration)
    if duration != "none" and "".join(number + unit for number, unit in parts) != duration:
        raise invalid(f'invalid format for ban duration: time: invalid duration "{duration}"')
    user.times.pop("banned_until", None)
    if parts:
        seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
        user.times["banned_until"] = now() + timedelta(seconds=seconds)
