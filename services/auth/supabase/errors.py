"""What GoTrue's refusals are in the contract (docs/supabase-auth.md has the same table for people).

Clients never see GoTrue's own words: they name settings, and some tell whether an address is known.
"""

from __future__ import annotations

import re

import httpx
import structlog
from pydantic import ValidationError
from supabase_auth.errors import AuthApiError, AuthError, AuthWeakPasswordError

from services.auth.provider import (
    EmailNotConfirmed,
    InvalidCredentials,
    LinkExpired,
    NotInvited,
    NotOffered,
    OtherBrowser,
    SessionOver,
    SignInRefused,
    WrongPassword,
)
from shared.errors import AppError, Malformed, NotAllowed, TooManyRequests, Unavailable

FAILURES = (AuthError, httpx.HTTPError, ValidationError)
"""All that a call may raise: refusals, a gateway's pages, broken connections, answers of another shape."""

CODES: dict[str, type[AppError]] = {
    "invalid_credentials": InvalidCredentials,
    "email_not_confirmed": EmailNotConfirmed,
    "provider_email_needs_verification": EmailNotConfirmed,
    "otp_expired": LinkExpired,
    "flow_state_not_found": LinkExpired,
    "flow_state_expired": LinkExpired,
    "bad_code_verifier": OtherBrowser,
    "refresh_token_not_found": SessionOver,
    "refresh_token_already_used": SessionOver,
    "session_not_found": SessionOver,
    "session_expired": SessionOver,
    "otp_disabled": NotInvited,
    "signup_disabled": NotInvited,
    "current_password_required": WrongPassword,
    "current_password_invalid": WrongPassword,
    "user_banned": NotAllowed,
    "email_provider_disabled": NotOffered,
    "provider_disabled": NotOffered,
    "oauth_provider_not_supported": NotOffered,
    "bad_oauth_state": SignInRefused,
    "bad_oauth_callback": SignInRefused,
    "over_request_rate_limit": TooManyRequests,
    "over_email_send_rate_limit": TooManyRequests,
}
RETRY_SECONDS = 60
LONGEST_RETRY_SECONDS = 3600
SECONDS = re.compile(r"after (\d+) second")

log = structlog.get_logger()


def translate(error: Exception, malformed: type[AppError] = Unavailable) -> AppError:
    """The contract's error for one of FAILURES; ``malformed`` when GoTrue can't make sense of what a client sent."""
    if isinstance(error, AuthWeakPasswordError):
        return Malformed(fields=[{"field": "password", "problem": "is too weak: " + ", ".join(error.reasons)}])
    if is_limited(error):
        return TooManyRequests(retry_after_seconds=_wait(error))
    if not isinstance(error, AuthApiError) or error.status >= 500:
        return Unavailable("Sign-in is not answering. Try again in a moment.")
    code = str(error.code)
    if code == "same_password":
        return Malformed(fields=[{"field": "password", "problem": "is the one you have"}])
    if code in CODES:
        return CODES[code]()
    is_oauth = error.code is None and error.status == 400  # RFC 6749's errors have no code of GoTrue's
    if is_oauth or code in ("validation_failed", "bad_json", "email_address_invalid", "unexpected_audience"):
        return malformed()
    # Keys, hooks, a captcha: nothing that whoever signs in could put right.
    log.error("gotrue_refused", error_code=code, status=error.status)
    return Unavailable("Sign-in is not set up right. Try again later.")


def is_passing(error: Exception) -> bool:
    """Whether the same call may do better in a moment."""
    return not isinstance(error, AuthApiError) or error.status >= 500


def is_limited(error: Exception) -> bool:
    """A 429, also a gateway's whose body is no JSON, which the client knows only by what it was raised from."""
    answer = _answer_of(error)
    return getattr(error, "status", None) == 429 or (answer is not None and answer.status_code == 429)


def _wait(error: Exception) -> int:
    """Seconds, as GoTrue's text or a gateway's header says them."""
    found = SECONDS.search(getattr(error, "message", None) or "")
    answer = _answer_of(error)
    header = answer.headers.get("Retry-After", "") if answer is not None else ""
    seconds = int(found[1]) if found else int(header) if header.isascii() and header.isdigit() else RETRY_SECONDS
    return max(1, min(seconds, LONGEST_RETRY_SECONDS))


def _answer_of(error: Exception) -> httpx.Response | None:
    return error.__cause__.response if isinstance(error.__cause__, httpx.HTTPStatusError) else None
