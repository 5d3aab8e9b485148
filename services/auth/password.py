"""``/auth/password``: a new one by mail, and a change by whoever is signed in."""

from __future__ import annotations

import structlog
from flask import request

from services.auth import dev_inbox
from services.auth.askers import find_asker
from services.auth.parts import parts
from services.auth.provider import NotOffered, WrongPassword
from services.auth.schemas import PasswordChange, ResetRequest, ResetSent
from services.auth.sign_ins import check_browser_origin
from shared.api import Answer, Api
from shared.caller import ACCESS_COOKIE, Caller
from shared.errors import AccountUnknown, OriginNotAllowed, TooManyRequests

api = Api("password")
log = structlog.get_logger()


@api.on("POST", "/auth/password/reset", status=202, errors=(OriginNotAllowed, TooManyRequests, NotOffered))
def request_reset(body: ResetRequest) -> Answer[ResetSent]:
    """Mails a link to a page that asks for a new password, which also sets a first one.

    The answer is the same for every address; the mail is one of the five an hour that an address gets.
    """
    check_browser_origin()
    parts().limits.check_login(request.remote_addr)
    parts().provider.request_reset(body.email, parts().redirects.choose(body.redirect_to), find_asker())
    return Answer(ResetSent(dev_inbox=dev_inbox.is_here()))


@api.on(
    "PUT",
    "/auth/password",
    status=204,
    errors=(WrongPassword, OriginNotAllowed, TooManyRequests, AccountUnknown, NotOffered),
)
def change_password(caller: Caller, body: PasswordChange) -> None:
    """Sets the caller's password, and ends all their other sessions.

    Whoever has one says it as ``current_password``.
    """
    user = parts().database.call("get_session_user", caller=caller.user_id)
    parts().limits.check_new_password(request.remote_addr)
    parts().judge.check(body.password, user["email"], user["name"])
    whose = str(caller.user_id)
    with parts().limits.password_try(request.remote_addr, whose):
        ended = parts().provider.change_password(
            caller, user["email"], _access_token(), body.current_password, body.password, find_asker()
        )
    log.info("password_changed", account=whose, sessions_ended=len(ended))
    for session_id in ended:
        parts().notices.disconnect(session_id=session_id)


def _access_token() -> str:
    """The one the caller was known by."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else request.cookies.get(ACCESS_COOKIE, "")
