"""What every answer of the page server says about how a browser may treat it."""

from __future__ import annotations

from frontend.server.settings import PagesSettings
from shared.settings import origin_of

YEAR_SECONDS = 365 * 24 * 60 * 60


def security_headers(settings: PagesSettings) -> dict[str, str]:
    """No inline script or style, nothing from elsewhere, connections to our own services only."""
    http = (settings.auth_public_url, settings.chat_public_url, settings.websocket_public_url)
    origins = [origin_of(url) for url in http]
    # "http://host" does not cover "ws://host" in every browser.
    origins.append("ws" + origin_of(settings.websocket_public_url).removeprefix("http"))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": " ".join(dict.fromkeys(["'self'", *origins])),
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if settings.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}"
    return headers
