"""Signing in with Google, and ``/auth/callback``, where browsers are sent back by Google or by Supabase Auth."""

from __future__ import annotations

import structlog
from flask import Response, request

from services.auth.askers import find_asker, remember_asker
from services.auth.parts import parts
from services.auth.provider import (
    EmailNotConfirmed,
    LinkExpired,
    LinkIncomplete,
    NotInvited,
    NotOffered,
    OtherBrowser,
    OtherIdentity,
    SignInRefused,
)
from services.auth.schemas import CallbackQuery, GoogleQuery, GoogleRequest
from services.auth.sign_ins import answer_session, check_browser_origin
from shared.api import Answer, Api
from shared.errors import OriginNotAllowed, TooManyRequests, Unavailable
from shared.wire import Session

api = Api("sign in")
log = structlog.get_logger()
EXPIRED = {"otp_expired", "flow_state_expired", "flow_state_not_found"}


@api.on("GET", "/auth/google", errors=(NotOffered, TooManyRequests, Unavailable))
def begin_google(query: GoogleQuery) -> Response:
    """Sends the browser to Google, which sends it back to ``/auth/callback``."""
    if not parts().provider.offers_google:
        raise NotOffered()
    parts().limits.check_google(request.remote_addr)
    asker = find_asker()
    address = parts().provider.google_url(parts().redirects.choose(query.redirect_to), asker)
    remember_asker(asker)
    return Response(status=302, headers={"Location": address})


@api.on(
    "POST",
    "/auth/google",
    errors=(
        OriginNotAllowed,
        TooManyRequests,
        SignInRefused,
        LinkExpired,
        EmailNotConfirmed,
        OtherIdentity,
        NotInvited,
        NotOffered,
        Unavailable,
    ),
)
def sign_in_with_google(body: GoogleRequest) -> Answer[Session]:
    """Signs in by an id token that Google gave a page or an app; without Supabase each token counts once."""
    check_browser_origin()
    asker = find_asker()
    with parts().limits.code_try(asker.address):
        sign_in = parts().provider.sign_in_with_google(body.id_token, body.nonce, asker)
    log.info("signed_in", by="google", account=sign_in.user["id"])
    return answer_session(sign_in)


@api.on(
    "GET",
    "/auth/callback",
    errors=(
        LinkExpired,
        OtherBrowser,
        LinkIncomplete,
        SignInRefused,
        EmailNotConfirmed,
        OtherIdentity,
        NotInvited,
        NotOffered,
        TooManyRequests,
        Unavailable,
    ),
)
def finish_in_browser(query: CallbackQuery) -> Response:
    """Where Google, or a link of an unchanged mail template, leads back to: cookies, and 303 to the pages.

    A code counts only with the cookie of the browser that asked for it: nobody is signed in by opening an address.
    """
    if not parts().provider.sends_browsers_back:
        raise NotOffered()
    if query.error or query.error_code:
        told = query.error_code or query.error
        log.info("sent_back", error_code=told[:80] if told.isprintable() else "")
        raise LinkExpired() if query.error_code in EXPIRED else SignInRefused()
    if not query.code:
        raise LinkIncomplete()
    asker = find_asker()
    with parts().limits.code_try(asker.address):
        sign_in, target = parts().provider.exchange_code(query.code, query.request or query.state, asker)
    log.info("signed_in", by="callback", account=sign_in.user["id"])
    response = Response(status=303, headers={"Location": parts().redirects.choose(target)})
    return parts().cookies.give(response, sign_in)
