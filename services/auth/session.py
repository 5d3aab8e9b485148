"""The session itself: who am I, fresh tokens, signing out."""

from __future__ import annotations

import structlog
from flask import after_this_request, request

from services.auth.askers import find_asker
from services.auth.parts import parts
from services.auth.provider import RefreshReused, SessionOver, SignedOut
from services.auth.schemas import LogoutRequest, RefreshRequest, SessionStatus
from services.auth.sign_ins import answer_session, check_browser_origin
from shared.api import Answer, Api
from shared.caller import ACCESS_COOKIE, REFRESH_COOKIE, Caller, identity
from shared.errors import AccountUnknown, NotAuthenticated, OriginNotAllowed
from shared.wire import Session, wire_time

api = Api("session")
log = structlog.get_logger()


@api.on("GET", "/auth/session", errors=(AccountUnknown,))
def show_session(caller: Caller) -> Answer[SessionStatus]:
    """Who is signed in, and until when the access token counts."""
    user = parts().database.call("get_session_user", caller=caller.user_id)
    return Answer({"user": user, "expires_at": wire_time(caller.expires_at)})


@api.on("POST", "/auth/refresh", errors=(SessionOver, OriginNotAllowed))
def refresh(body: RefreshRequest) -> Answer[Session]:
    """Trades the refresh token, from the body or the cookie, for a fresh session.

    A spent token counts for 10 s more, and while its successor is unused; later reuse ends the whole family.
    """
    token = body.refresh_token or _refresh_cookie()
    check_browser_origin()
    if not token:
        raise NotAuthenticated()
    try:
        return answer_session(parts().provider.refresh(token, find_asker()))
    except RefreshReused as reuse:
        log.warning("refresh_reused", account=reuse.user_id, session_id=reuse.session_id)
        parts().notices.disconnect(session_id=reuse.session_id)
        raise


@api.on("POST", "/auth/logout", status=204, errors=(NotAuthenticated, OriginNotAllowed))
def logout(body: LogoutRequest) -> None:
    """Ends this session, or with scope "global" all of this person's. The refresh cookie alone suffices."""
    signed_out = _sign_out(body)
    after_this_request(parts().cookies.take)
    if signed_out is None:
        return
    log.info("signed_out", scope=body.scope, account=signed_out.user_id, session_id=signed_out.session_id)
    if body.scope == "global":
        parts().notices.disconnect(user_id=signed_out.user_id)
    else:
        parts().notices.disconnect(session_id=signed_out.session_id)


def _sign_out(body: LogoutRequest) -> SignedOut | None:
    # Another scheme is a proxy's own, and no token of ours.
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    sign_out = parts().provider.sign_out
    token = None if bearer else _refresh_cookie()
    if token:
        return sign_out(caller=None, access_token=None, refresh_token=token, scope=body.scope)
    caller = identity().identify(request.headers, request.cookies, unsafe=True)
    return sign_out(
        caller=caller, access_token=bearer or request.cookies.get(ACCESS_COOKIE), refresh_token=None, scope=body.scope
    )


def _refresh_cookie() -> str | None:
    """Raises OriginNotAllowed when the cookie is there and no page of ours sent it."""
    token = request.cookies.get(REFRESH_COOKIE)
    if token:
        identity().check_origin(request.headers.get("Origin", ""))
    return token
