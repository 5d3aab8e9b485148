"""Who is asking, as far as a provider wants to know; browsers are known again by a cookie."""

from __future__ import annotations

import re

from flask import after_this_request, request

from services.auth.browsers import describe_browser
from services.auth.cookies import BROWSER_COOKIE
from services.auth.parts import parts
from services.auth.provider import Asker
from services.auth.seals import new_token

SECRET = re.compile(r"[\w-]{43}")


def find_asker() -> Asker:
    """Of this request; the secret is the cookie's, or a new one."""
    cookie = request.cookies.get(BROWSER_COOKIE, "")
    return Asker(
        address=request.remote_addr,
        browser=describe_browser(request.headers.get("User-Agent", "")),
        secret=cookie if SECRET.fullmatch(cookie) else new_token(),
        is_browser="Origin" in request.headers or bool(request.cookies),
    )


def remember_asker(asker: Asker) -> None:
    """So that what is asked for now can be finished in this browser, with others it asked for."""
    if parts().provider.remembers_browsers:
        after_this_request(lambda response: parts().cookies.remember(response, asker.secret))
