"""Asking for mail (sign-up, link, invitation, recovery) and ``/verify``, which takes what the mail said.

supabase/auth, *internal/api/{signup,otp,magic_link,mail,verify}.go*.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import jsonify, redirect, request
from werkzeug.wrappers import Response

from tests.standins.gotrue.challenges import METHODS_OF_TYPES, PREFIX, issue_code, read_challenge, with_code
from tests.standins.gotrue.core import Core, address, fields, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.mails import MailFailed, confirmation_url
from tests.standins.gotrue.people import User, new_user
from tests.standins.gotrue.store import Flow, TokenKind

MailType = Literal["signup", "magiclink", "recovery", "invite"]
OAUTH_ERRORS = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied", 500: "server_error"}


@dataclass(frozen=True)
class _Mail:
    template: str
    kind: TokenKind
    sent_at: str
    name: str


MAILS: dict[MailType, _Mail] = {
    "signup": _Mail("confirmation", "confirmation", "confirmation_sent_at", "confirmation"),
    "invite": _Mail("invite", "confirmation", "confirmation_sent_at", "invite"),
    "magiclink": _Mail("magic_link", "recovery", "recovery_sent_at", "magic link"),
    "recovery": _Mail("recovery", "recovery", "recovery_sent_at", "recovery"),
}


def hash_token(email: str, otp: str) -> str:
    return hashlib.sha224((email + otp).encode()).hexdigest()


def make_otp(core: Core) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(core.options.otp_length))


def put_link(core: Core, user: User, kind: MailType, token_hash: str) -> None:
    mail, now = MAILS[kind], core.clock.now()
    setattr(user, f"{mail.kind}_token", token_hash)
    user.times[mail.sent_at] = now
    if kind == "invite":
        user.times["invited_at"] = now
    core.store.put_token(user, mail.kind, token_hash)


def send_link(core: Core, user: User, kind: MailType, *, pkce: bool = False) -> None:
    """The person is kept only once the mail is out: an error leaves nothing behind."""
    mail, options = MAILS[kind], core.options
    last, wait = user.times.get(mail.sent_at), timedelta(seconds=options.mail_every_seconds)
    if kind != "invite" and last is not None and last + wait > core.clock.now():
        left = int((last + wait - core.clock.now()).total_seconds())
        message = f"For security purposes, you can only request this after {left} seconds."
        raise GotrueError(429, "over_email_send_rate_limit", message)
    core.limits.take_mail()
    otp = make_otp(core)
    token_hash = (PREFIX if pkce else "") + hash_token(user.email, otp)
    target = core.redirect_to()
    variables = {
        "ConfirmationURL": confirmation_url(options, token_hash, kind, target),
        "Token": otp,
        "TokenHash": token_hash,
        "SiteURL": options.site_url,
        "RedirectTo": target,
        "Email": user.email,
    }
    try:
        with core.unlocked():
            core.mails.send(mail.template, user.email, variables)
    except MailFailed:
        raise GotrueError(500, "unexpected_failure", f"Error sending {mail.name} email") from None
    core.store.users[user.id] = user
    put_link(core, user, kind, token_hash)


def sign_up(core: Core, body: dict[str, Any]) -> tuple[User, bool]:
    """(who, whether they are signed in at once). A confirmed person's address gives somebody made up."""
    if core.options.disable_signup:
        raise GotrueError(422, "signup_disabled", "Signups not allowed for this instance")
    password = text(body, "password")
    if not password:
        raise invalid("Signup requires a valid password")
    core.check_password(password)
    challenge = read_challenge(body)
    email = address(body)
    now = core.clock.now()
    user = core.store.find_user(email)
    if user is not None and user.is_confirmed:
        if core.options.autoconfirm:
            raise GotrueError(422, "user_already_exists", "User already registered")
        shown = new_user(email, now, None, body.get("data", {}))
        shown.role, shown.identities = "", []
        shown.times["confirmation_sent_at"] = now
        return shown, False
    if user is None:
        user = new_user(email, now, password, body.get("data", {}))
        user.user_metadata = user.identities[0].data
    # Who has not confirmed stays as they were: whoever asks now may be somebody else.
    if core.options.autoconfirm:
        core.store.users[user.id] = user
        confirm(core, user)
        return user, True
    send_link(core, user, "signup", pkce=challenge is not None)
    if challenge:
        core.store.flows.append(Flow(*challenge, "email/signup", now, user_id=user.id))
    return user, False


def sign_up_by_request(core: Core) -> Response:
    body = fields()
    if not text(body, "email"):
        raise GotrueError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    core.limits.take("signup")
    user, signed_in = sign_up(core, body)
    if signed_in:
        return core.start_session(user, "password")
    shown = user.show()
    if "invited_at" in user.times:
        shown.update(user_metadata={}, identities=[])
    return jsonify(shown)


def ask_for_magic_link(core: Core) -> Response:
    return _ask_for_link(core, fields())


def _ask_for_link(core: Core, body: dict[str, Any]) -> Response:
    """A stranger's first link is the confirmation of a sign-up."""
    if not text(body, "email"):
        raise GotrueError(422, "validation_failed", "Password recovery requires an email")
    email, challenge = address(body), read_challenge(body)
    user = core.store.find_user(email)
    if user is None or not user.is_confirmed:
        made_up = {**body, "password": secrets.token_urlsafe(24)}
        user, signed_in = sign_up(core, made_up)
        if not signed_in:
            return jsonify({})
    send_link(core, user, "magiclink", pkce=challenge is not None)
    if challenge:
        core.store.flows.append(Flow(*challenge, "magiclink", core.clock.now(), user_id=user.id))
    return jsonify({})


def ask_for_otp(core: Core) -> Response:
    body = fields()
    read_challenge(body)
    if not body.get("create_user", True) and core.store.find_user(address(body)) is None:
        raise GotrueError(422, "otp_disabled", "Signups not allowed for otp")
    if text(body, "email"):
        return _ask_for_link(core, body)
    if text(body, "phone"):
        raise GotrueError(400, "phone_provider_disabled", "Unsupported phone provider")
    raise invalid("One of email or phone must be set")


def recover(core: Core) -> Response:
    body = fields()
    email, challenge = address(body), read_challenge(body)
    user = core.store.find_user(email)
    if user is not None:
        send_link(core, user, "recovery", pkce=challenge is not None)
        if challenge:
            core.store.flows.append(Flow(*challenge, "recovery", core.clock.now(), user_id=user.id))
    return jsonify({})


# Taking a link


def confirm(core: Core, user: User) -> None:
    now = core.clock.now()
    user.confirmation_token = ""
    user.times["email_confirmed_at"] = now
    user.user_metadata = {**user.user_metadata, "email_verified": True}
    core.store.clear_tokens(user)


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
        text = "Unexpected failure, please check server logs for more information"
        raise GotrueError(500, "unexpected_failure", text)
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
    kinds = {
        "email": ("confirmation", "recovery"),
        "signup": ("confirmation",),
        "invite": ("confirmation",),
        "recovery": ("recovery",),
        "magiclink": ("recovery",),
    }
    if kind not in kinds:
        raise invalid("Invalid email verification type")
    found, user_id = core.store.one_time.get(token_hash, (None, ""))
    if found is None or found not in kinds[kind]:
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
    accepted: dict[str, tuple[TokenKind, ...]] = {
        "email": ("confirmation", "recovery"),
        "signup": ("confirmation",),
        "invite": ("confirmation",),
        "recovery": ("recovery",),
        "magiclink": ("recovery",),
    }
    for found in accepted.get(kind, ()):
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
    if user.is_banned(core.clock.now()):
        raise GotrueError(403, "user_banned", "User is banned")


def _is_late(core: Core, user: User, kind: TokenKind) -> bool:
    sent_at = user.times.get(f"{kind}_sent_at")
    return sent_at is None or core.clock.now() > sent_at + timedelta(seconds=core.options.otp_seconds)


def _with_error(url: str, error: GotrueError, *, in_query: bool) -> str:
    told = {"error_code": error.code, "error_description": error.message}
    if error.status in OAUTH_ERRORS:
        told["error"] = OAUTH_ERRORS[error.status]
    parts = urlsplit(url)
    query = parts.query
    if in_query:
        query = urlencode(sorted({**dict(parse_qsl(query)), **told}.items()))
    return urlunsplit(parts._replace(query=query, fragment=urlencode(sorted({**told, "sb": ""}.items()))))
