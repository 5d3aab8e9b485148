"""Asking for mail: sign-up, link, invitation, recovery.

supabase/auth, *internal/api/{signup,otp,magic_link,mail}.go*.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flask import jsonify
from werkzeug.wrappers import Response

from tests.standins.gotrue.challenges import PREFIX, read_challenge
from tests.standins.gotrue.core import Core, address, fields, text
from tests.standins.gotrue.errors import GotrueError, invalid
from tests.standins.gotrue.mails import MailFailed, confirmation_url
from tests.standins.gotrue.people import User, new_user, now
from tests.standins.gotrue.store import Flow, TokenKind

MailType = Literal["signup", "magiclink", "recovery", "invite"]


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
    mail, at = MAILS[kind], now()
    setattr(user, f"{mail.kind}_token", token_hash)
    user.times[mail.sent_at] = at
    if kind == "invite":
        user.times["invited_at"] = at
    core.store.put_token(user, mail.kind, token_hash)


def send_link(core: Core, user: User, kind: MailType, *, pkce: bool = False) -> None:
    """The person is kept only once the mail is out: an error leaves nothing behind."""
    mail, options = MAILS[kind], core.options
    last, wait = user.times.get(mail.sent_at), timedelta(seconds=options.mail_every_seconds)
    if kind != "invite" and last is not None and last + wait > now():
        left = int((last + wait - now()).total_seconds())
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
    user = core.store.find_user(email)
    if user is not None and user.is_confirmed:
        if core.options.autoconfirm:
            raise GotrueError(422, "user_already_exists", "User already registered")
        shown = new_user(email, None, body.get("data", {}))
        shown.role, shown.identities = "", []
        shown.times["confirmation_sent_at"] = now()
        return shown, False
    if user is None:
        user = new_user(email, password, body.get("data", {}))
        user.user_metadata = user.identities[0].data
    # Who has not confirmed stays as they were: whoever asks now may be somebody else.
    if core.options.autoconfirm:
        core.store.users[user.id] = user
        confirm(core, user)
        return user, True
    send_link(core, user, "signup", pkce=challenge is not None)
    if challenge:
        core.store.flows.append(Flow(*challenge, "email/signup", now(), user_id=user.id))
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
        core.store.flows.append(Flow(*challenge, "magiclink", now(), user_id=user.id))
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
            core.store.flows.append(Flow(*challenge, "recovery", now(), user_id=user.id))
    return jsonify({})


def confirm(core: Core, user: User) -> None:
    user.confirmation_token = ""
    user.times["email_confirmed_at"] = now()
    user.user_metadata = {**user.user_metadata, "email_verified": True}
    core.store.clear_tokens(user)
