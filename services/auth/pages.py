"""The few pages auth shows itself: no script, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, render_template, request

from services.auth.addresses import mask_email
from services.auth.parts import parts
from services.auth.provider import LinkExpired, PendingLink
from shared.errors import AppError, Malformed

FORM = "application/x-www-form-urlencoded"
STYLE = Path(__file__).parent / "static" / "style.css"
TEXTS = {
    "link_expired": (
        "This link no longer works",
        "It has been used, or it is too old. Ask for a new one.",
    ),
    "origin_not_allowed": (
        "Open the link from the mail",
        "The button counts only on the page that the mailed link opens.",
    ),
    "other_browser": (
        "Open the link where you asked for it",
        "It counts only in the browser that asked. Open it there, or type the code from the mail there.",
    ),
    "link_incomplete": (
        "This link can't sign you in",
        "Type the code from the mail instead. Whoever runs this installation should change its mail templates.",
    ),
    "sign_in_refused": ("You are not signed in", "The other service did not say who you are. Try again."),
    "not_invited": ("This address has not been invited", "Ask whoever runs this installation for an invitation."),
    "not_offered": ("That way in is closed", "This installation does not offer it. Ask for a link by mail instead."),
    "email_not_confirmed": ("This address is not confirmed", "Ask for a link by mail first."),
    "too_many_requests": ("Too many tries", "Wait a few minutes, then ask for a new link."),
}
"""What a person reads: title and text by error code."""
GOOGLE_TEXTS = {
    "link_expired": (
        "That took too long",
        "What Google answered has been used, or it is too old. Go back and choose Google again.",
    ),
    "other_browser": (
        "Start again in this browser",
        "Google's answer counts only in the browser where you chose Google. Go back and choose it again.",
    ),
    "sign_in_refused": ("You are not signed in", "Google did not say who you are. Go back and try again."),
    "too_many_requests": ("Too many tries", "Wait a few minutes, then choose Google again."),
}
"""The same for whoever comes from Google, where mails have nothing to do with it."""


def link_page(pending: PendingLink, token: str, redirect_to: str, error: Malformed | None = None) -> Response:
    """``error`` says what is wrong with the new password that was sent."""
    return _page(
        "new_password.html" if pending.sets == "new" else "confirm.html",
        error.status if error else 200,
        problem=" ".join(item["problem"] for item in error.data["fields"]) if error else None,
        sets=pending.sets,
        masked=mask_email(pending.email) if pending.email else None,
        requested_by=pending.requested_by,
        asked=_ago(pending.age_seconds),
        token=token,
        redirect_to=redirect_to,
    )


def _ago(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 1:
        return "just now"
    if days >= 2:
        return f"{days} days ago"
    if hours >= 1:
        return "an hour ago" if hours == 1 else f"{hours} hours ago"
    return "a minute ago" if minutes == 1 else f"{minutes} minutes ago"


def link_expired_page() -> Response:
    return problem_page(LinkExpired())


def problem_page(error: AppError) -> Response:
    texts = {**TEXTS, **GOOGLE_TEXTS} if _by_google() else TEXTS
    title, text = texts.get(error.code, ("That did not work", error.text))
    response = _page(
        "problem.html", error.status, title=title, text=text, login_url=parts().settings.public_url + "/login"
    )
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _by_google() -> bool:
    if request.path == "/auth/callback":
        return parts().provider.leads_to_google(request.args.get("request", ""))
    return request.path == "/auth/google"


def inbox_page(mails: list[dict[str, Any]], recipient: str | None) -> Response:
    return _page("inbox.html", mails=mails, recipient=recipient)


def wants_page() -> bool:
    """Whether a person is looking: at the confirm page's form or the way to Google, which show whatever we answer."""
    if request.path == "/auth/confirm":
        return request.mimetype == FORM
    return request.method == "GET" and request.path in ("/auth/callback", "/auth/google")


def style() -> Response:
    return Response(STYLE.read_bytes(), mimetype="text/css", headers={"Cache-Control": "public, max-age=300"})


def _page(template: str, status: int = 200, **values: Any) -> Response:
    response = Response(render_template(template, **values), status, mimetype="text/html")
    targets = " ".join(dict.fromkeys(["'self'", *parts().settings.origins]))
    # form-action names the pages too: the button's answer is a redirect there, which it would block.
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )
    # Not no-referrer: with it browsers post `Origin: null`, which no page of ours is.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cache-Control"] = "no-store"
    return response
