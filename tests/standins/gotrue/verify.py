"""``/verify``: taking what a mail said, by its hash or by its code.

supabase/auth, *internal/api/verify.go*.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import redirect, request
from werkzeug.wrappers import Response

from tests.standins.gotrue.challenges import METHODS_OF_TYPES, PREFIX, issue_code, with_code
from tests.standins.gotrue.core import Core, address, fields, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.links import confirm, hash_token
from tests.standins.gotrue.people import User, now
from tests.standins.gotrue.store import TokenKind

OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied", 500: "server_error"}
# ``email`` is for whoever need not know which of the two mails it was.
KINDS: dict[str, tuple[TokenKind, ...]] = {
    "email": ("confirmation", "recovery"),
    "signup": ("confirmation",),
    "invite": ("confirmation",),
    "recovery": ("recovery",),
    "magiclink": ("recovery",),
}


def verify_posted(core: Core) -> Response:
    body = fields()
    kind, token, token_hash = text(body, "type"), text(body, "token"), text(body, "token_hash")
    if not kind:
        raise invalid("Verify requires a verification type")
    if bool(token) == bool(token_hash):
        raise invalid("Verify requires either a token or a token hash")
    if token_hash:
        if any(text(body, name) for name in ("email", "phone", "redirect_to")):
            raise invalid("Only the token_hash and type should be provided")
        user, kind = _find_by_hash(core, kind, token_hash)
    else:
        if not text(body, "email"):
            raise invalid("Only an email address or phone number should be provided on verify")
        user, kind = _find_by_code(core, kind, address(body), token)
    _take(core, user, kind)
    return core.start_session(user, "otp")


def verify_visited(core: Core) -> Response:
    """A GET takes the link, whoever it is that visits: a mail scanner, too."""
    token, kind, target = request.args.get("token", ""), request.args.get("type", ""), core.redirect_to()
    if not kind:
        raise invalid("Verify requires a verification type")
    if not token:
        raise invalid("Verify requires a token or a token hash")
    pkce = token.startswith(PREFIX)
    method = METHODS_OF_TYPES.get(kind)
    if pkce and method is None:
        why = "Unexpected failure, please check server logs for more information"
        raise GotrueError(500, "unexpected_failure", why)
    try:
        user, kind = _find_by_hash(core, kind, token)
        _take(core, user, kind)
        if pkce:
            return redirect(with_code(target, issue_code(core, user, method or "")), 303)
    except GotrueError as error:
        return redirect(_with_error(target, error, in_query=pkce), 303)
    pair = core.start_session(user, "otp").get_json()
    told = ("access_token", "token_type", "expires_in", "expires_at", "refresh_token")
    fragment = urlencode(sorted([("sb", ""), ("type", kind), *((name, pair[name]) for name in told)]))
    return redirect(f"{target}#{fragment}", 303)


def _find_by_hash(core: Core, kind: str, token_hash: str) -> tuple[User, str]:
    if kind not in KINDS:
        raise invalid("Invalid email verification type")
    found, user_id = core.store.one_time.get(token_hash, (None, ""))
    if found is None or found not in KINDS[kind]:
        raise GotrueError(403, "otp_expired", "Email link is invalid or has expired")
    user = core.store.users[user_id]
    _check_not_banned(core, user)
    if _is_late(core, user, found):
        raise GotrueError(403, "otp_expired", "Email link is invalid or has expired")
    if kind == "email":
        kind = "magiclink" if found == "recovery" else "signup"
    return user, kind


def _find_by_code(core: Core, kind: str, email: str, otp: str) -> tuple[User, str]:
    wrong = GotrueError(403, "otp_expired", "Token has expired or is invalid")
    user = core.store.find_user(email)
    if user is None:
        raise wrong
    _check_not_banned(core, user)
    token_hash = hash_token(email, otp)
    for found in KINDS.get(kind, ()):
        held = user.confirmation_token if found == "confirmation" else user.recovery_token
        if held and held in (token_hash, PREFIX + token_hash) and not _is_late(core, user, found):
            meant = "signup" if found == "confirmation" else "magiclink"
            return user, meant if kind == "email" else kind
    raise wrong


def _take(core: Core, user: User, kind: str) -> None:
    if kind in ("signup", "invite"):
        if user.password is None and "invited_at" in user.times:
            user.password = secrets.token_urlsafe(24)
            core.store.end_sessions(user.id)
        confirm(core, user)
        for identity in user.identities:
            if identity.data.get("email") == user.email:
                identity.data = {**identity.data, "email_verified": True}
    else:
        user.recovery_token = ""
        core.store.clear_tokens(user)
        if not user.is_confirmed:
            confirm(core, user)


def _check_not_banned(core: Core, user: User) -> None:
    if user.is_banned():
        raise GotrueError(403, "user_banned", "User is banned")


def _is_late(core: Core, user: User, kind: TokenKind) -> bool:
    sent_at = user.times.get(f"{kind}_sent_at")
    return sent_at is None or now() > sent_at + timedelta(seconds=core.options.otp_seconds)


def _with_error(url: str, error: GotrueError, *, in_query: bool) -> str:
    told = {"error_code": error.code, "error_description": error.message}
    if error.status in OAUTH_ERRORS:
        told["error"] = OAUTH_ERRORS[error.status]
    parts = urlsplit(url)
    query = parts.query
    if in_query:
        query = urlencode(sorted({**dict(parse_qsl(query)), **told}.items()))
    return urlunsplit(parts._replace(query=query, fragment=urlencode(sorted({**told, "sb": ""}.items()))))
