"""The two session cookies and one that knows a browser again: out of reach of scripts, the refresh token and
the browser's secret only ever sent to ``/auth``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Response

from services.auth.provider import SignIn
from services.auth.settings import AuthSettings
from shared.caller import ACCESS_COOKIE, REFRESH_COOKIE

REFRESH_PATH = "/auth"
BROWSER_COOKIE = "pulse_browser"
BROWSER_SECONDS = 3600


@dataclass(frozen=True)
class Cookies:
    secure: bool
    domain: str | None

    @classmethod
    def of(cls, settings: AuthSettings) -> Cookies:
        return cls(settings.secure_cookies, settings.cookie_domain)

    def give(self, response: Response, sign_in: SignIn) -> Response:
        # The token's own expiry: at Supabase its length is the project's setting.
        access_seconds = max(0, sign_in.expires_at - int(time.time()))
        response.set_cookie(ACCESS_COOKIE, sign_in.access_token, max_age=access_seconds, path="/", **self._attributes())
        response.set_cookie(
            REFRESH_COOKIE,
            sign_in.refresh_token,
            max_age=sign_in.refresh_seconds,
            path=REFRESH_PATH,
            **self._attributes(),
        )
        return response

    def take(self, response: Response) -> Response:
        response.delete_cookie(ACCESS_COOKIE, path="/", **self._attributes())
        response.delete_cookie(REFRESH_COOKIE, path=REFRESH_PATH, **self._attributes())
        return response

    def remember(self, response: Response, secret: str) -> Response:
        """The browser, for as long as somebody may take to open a mail."""
        response.set_cookie(
            BROWSER_COOKIE,
            secret,
            max_age=BROWSER_SECONDS,
            path=REFRESH_PATH,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )
        return response

    def _attributes(self) -> dict[str, Any]:
        return {"secure": self.secure, "domain": self.domain, "httponly": True, "samesite": "Lax"}
