"""``POST /auth/login``: a mail with a link and a code, and the same answer to everybody."""

from __future__ import annotations

from flask import request

from services.auth.browsers import describe_browser
from services.auth.parts import parts
from services.auth.schemas import LinkSent, LoginRequest
from services.auth.sign_ins import check_browser_origin
from shared.api import Answer, Api
from shared.errors import OriginNotAllowed, TooManyRequests

api = Api("sign in")


@api.on("POST", "/auth/login", status=202, errors=(OriginNotAllowed, TooManyRequests))
def login(body: LoginRequest) -> Answer[LinkSent]:
    """Mails a link and a code to sign in with.

    The answer is the same for known, unknown, uninvited and throttled addresses: 5 mails per address and hour.
    """
    check_browser_origin()
    parts().limits.check_login(request.remote_addr)
    parts().provider.request_link(
        body.email, parts().redirects.choose(body.redirect_to), describe_browser(request.headers.get("User-Agent", ""))
    )
    return Answer(LinkSent())
