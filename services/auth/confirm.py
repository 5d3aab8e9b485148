"""``/auth/confirm``: the page behind a mailed link, and what its button or a typed code posts.

A GET consumes nothing, because mail scanners open every link (docs/architecture.md, Identity).
"""

from __future__ import annotations

import structlog
from flask import Response, request

from services.auth.askers import find_asker
from services.auth.pages import link_expired_page, link_page, wants_page
from services.auth.parts import parts
from services.auth.provider import LinkExpired, NotInvited, SignIn
from services.auth.schemas import ConfirmQuery, ConfirmRequest
from services.auth.sign_ins import answer_session, check_browser_origin
from shared.api import Answer, Api
from shared.caller import identity
from shared.errors import Malformed, OriginNotAllowed, TooManyRequests
from shared.wire import Session

api = Api("sign in")
log = structlog.get_logger()
RECOVERY = "recovery"


@api.on("GET", "/auth/confirm", errors=(LinkExpired,))
def show_link(query: ConfirmQuery) -> Response:
    """The page a mailed link leads to, with one button, or a field for a new password; consumes nothing."""
    pending = parts().provider.find_link(query.token_hash, query.redirect_to, query.type, find_asker())
    if pending is None:
        return link_expired_page()
    return link_page(pending, query.token_hash, query.redirect_to)


@api.on("POST", "/auth/confirm", form=True, errors=(LinkExpired, NotInvited, OriginNotAllowed, TooManyRequests))
def confirm(body: ConfirmRequest) -> Answer[Session] | Response:
    """Signs in by a mailed link's token_hash, or by email and code; sets a new ``password`` with type "recovery".

    The page's form gets cookies and a redirect to the chat, JSON a session. Wrong, used and expired are all
    ``link_expired``; five wrong codes end a code. A weak password leaves its link as it was.
    """
    if wants_page():
        # Login CSRF: else another site could sign somebody in as somebody else.
        identity().check_origin(request.headers.get("Origin", ""))
        return _answer_form(body)
    check_browser_origin()
    return answer_session(_sign_in(body))


def _answer_form(body: ConfirmRequest) -> Response:
    try:
        sign_in = _sign_in(body)
    except Malformed as error:
        return _ask_again(body, error)
    target = parts().redirects.choose(parts().provider.find_target(body.redirect_to))
    return parts().cookies.give(Response(status=303, headers={"Location": target}), sign_in)


def _ask_again(body: ConfirmRequest, error: Malformed) -> Response:
    """The same page with what is wrong about the password."""
    token, redirect_to = body.token_hash or "", body.redirect_to or ""
    pending = parts().provider.find_link(token, redirect_to, body.type or "", find_asker())
    if pending is None:
        raise error
    return link_page(pending, token, redirect_to, error)


def _sign_in(body: ConfirmRequest) -> SignIn:
    by = "link" if body.token_hash else "code"
    if body.type == RECOVERY:
        by, sign_in = "recovery", _recover(body)
    elif body.token_hash:
        sign_in = parts().provider.confirm_link(body.token_hash, body.redirect_to, find_asker())
    elif body.email and body.code:
        parts().limits.check_code(request.remote_addr)
        sign_in = parts().provider.confirm_code(body.email, "".join(body.code.split()), find_asker())
    else:
        raise Malformed(fields=[{"field": "token_hash", "problem": "is needed, or email and code"}])
    log.info("signed_in", by=by, account=sign_in.user["id"])
    return sign_in


def _recover(body: ConfirmRequest) -> SignIn:
    if not body.token_hash:
        raise Malformed(fields=[{"field": "token_hash", "problem": "is needed: there is no code to a new password"}])
    asker = find_asker()
    pending = parts().provider.find_link(body.token_hash, body.redirect_to or "", RECOVERY, asker)
    if pending is None or pending.sets != "new":
        raise LinkExpired()
    parts().limits.check_new_password(request.remote_addr)
    parts().judge.check(body.password or "", pending.email or "")
    sign_in, ended = parts().provider.confirm_recovery(body.token_hash, body.redirect_to, body.password or "", asker)
    log.info("password_changed", account=sign_in.user["id"], sessions_ended=len(ended))
    for session_id in ended:
        parts().notices.disconnect(session_id=session_id)
    return sign_in
