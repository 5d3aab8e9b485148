"""``/dev/inbox``: the mails of an installation without SMTP, for the people at this machine only."""

from __future__ import annotations

import re

from flask import Response, request

from services.auth.loopback import is_loopback
from services.auth.pages import inbox_page
from services.auth.parts import parts
from services.auth.schemas import Inbox, InboxQuery
from shared.api import Answer, Api
from shared.errors import NotFound

FORWARDING = ("x-forwarded", "x-real-ip", "forwarded", "via", "cf-", "x-envoy", "x-original")

api = Api("development")


@api.on("GET", "/dev/inbox", errors=(NotFound,))
def show_inbox(query: InboxQuery) -> Answer[Inbox] | Response:
    """Mails of the last hour, newest first; a page for browsers. Only on loopback, only without SMTP."""
    if not is_here():
        raise NotFound()
    recipient = query.email.strip().lower() if query.email else None
    own = parts().own
    assert own is not None  # the route is the built-in provider's
    mails = own.call("list_inbox", recipient=recipient)
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return inbox_page(mails["mails"], recipient)
    return Answer(mails)


def is_here() -> bool:
    """Whether mails are kept in the inbox, and whoever is asking may read it: at this machine, and not through a proxy.

    A foreign name in ``Host`` would be DNS rebinding, a page elsewhere that reads local addresses.
    """
    forwarded = any(name.lower().startswith(FORWARDING) for name in request.headers.keys())  # noqa: SIM118
    host = re.sub(r":\d*$", "", request.headers.get("Host", ""))
    at_home = not forwarded and is_loopback(host) and is_loopback(request.remote_addr or "")
    return parts().settings.keeps_mails and at_home
