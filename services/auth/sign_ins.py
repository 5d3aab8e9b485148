"""How tokens leave: in HttpOnly cookies for browsers, in the body for everybody else, never both."""

from __future__ import annotations

from flask import after_this_request, request

from services.auth.parts import parts
from services.auth.provider import SignIn
from shared.api import Answer
from shared.caller import ACCESS_COOKIE, REFRESH_COOKIE, identity
from shared.wire import Session, wire_time


def is_browser() -> bool:
    """Whether the request has an ``Origin`` or our cookies: then JSON must not carry the refresh token."""
    return "Origin" in request.headers or ACCESS_COOKIE in request.cookies or REFRESH_COOKIE in request.cookies


def check_browser_origin() -> None:
    """Raises OriginNotAllowed when a page of somebody else's is asking."""
    if "Origin" in request.headers:
        identity().check_origin(request.headers["Origin"])


def answer_session(sign_in: SignIn) -> Answer[Session]:
    session = {
        "access_token": sign_in.access_token,
        "token_type": "bearer",
        "expires_at": wire_time(sign_in.expires_at),
        "user": sign_in.user,
    }
    if is_browser():
        after_this_request(lambda response: parts().cookies.give(response, sign_in))
        return Answer(session)
    return Answer({**session, "refresh_token": sign_in.refresh_token})
