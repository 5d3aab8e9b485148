"""``POST /auth/login`` and ``/auth/signup``: the same answer to everybody who names an address."""

from __future__ import annotations

import structlog
from flask import request

from services.auth import dev_inbox
from services.auth.askers import find_asker, remember_asker
from services.auth.parts import parts
from services.auth.provider import Asker, InvalidCredentials, NotOffered, SignIn
from services.auth.schemas import ConfirmationSent, LinkSent, LoginAnswer, LoginRequest, SignUpRequest
from services.auth.sign_ins import answer_session, check_browser_origin, is_browser
from shared.api import Answer, Api
from shared.errors import OriginNotAllowed, TooManyRequests

api = Api("sign in")
log = structlog.get_logger()


@api.on(
    "POST",
    "/auth/login",
    status=202,
    also=(200,),
    errors=(OriginNotAllowed, TooManyRequests, InvalidCredentials, NotOffered),
)
def login(body: LoginRequest) -> Answer[LoginAnswer]:
    """Mails a link and a code to sign in with (202), or signs in by password (200).

    The answer is the same for known, unknown, uninvited and throttled addresses: 5 mails per address and hour.
    """
    check_browser_origin()
    asker = find_asker()
    if body.password is not None:
        session = answer_session(_sign_in(body.email, body.password, asker))
        return Answer(session.body, status=200)
    parts().limits.check_login(request.remote_addr)
    parts().provider.request_link(body.email, parts().redirects.choose(body.redirect_to), asker)
    _remember(asker)
    return Answer(LinkSent(code_digits=parts().provider.code_digits, dev_inbox=dev_inbox.is_here()))


@api.on("POST", "/auth/signup", status=202, errors=(OriginNotAllowed, TooManyRequests, NotOffered))
def sign_up(body: SignUpRequest) -> Answer[ConfirmationSent]:
    """Mails a confirmation; password and name count once that mail is used in the same browser, or by no browser.

    The answer is the same for every address; one that has an account gets a link to sign in with, and keeps its
    password. A weak password is 422 for everybody.
    """
    check_browser_origin()
    parts().limits.check_login(request.remote_addr)
    parts().judge.check(body.password, body.email, body.name or "")
    asker = find_asker()
    redirect_to = parts().redirects.choose(body.redirect_to)
    parts().provider.sign_up(body.email, body.password, body.name, redirect_to, asker)
    _remember(asker)
    return Answer(ConfirmationSent(code_digits=parts().provider.code_digits, dev_inbox=dev_inbox.is_here()))


def _sign_in(email: str, password: str, asker: Asker) -> SignIn:
    with parts().limits.password_try(asker.address, email):
        sign_in = parts().provider.sign_in_with_password(email, password, asker)
    log.info("signed_in", by="password", account=sign_in.user["id"])
    return sign_in


def _remember(asker: Asker) -> None:
    if is_browser():
        remember_asker(asker)
