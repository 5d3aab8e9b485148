"""The two session cookies: out of reach of scripts, the refresh token only ever sent to ``/auth``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response

from services.auth.provider import SignIn
from services.auth.settings import AuthSettings
from shared.caller import ACCESS_COOKIE, REFRESH_COOKIE

REFRESH_PATH = "/auth"


@dataclass(frozen=True)
class Cookies:
    secure: bool
    domain: str | None
    access_seconds: int

    @classmethod
    def of(cls, settings: AuthSettings) -> Cookies:
        return cls(settings.secure_cookies, settings.cookie_domain, settings.access_token_seconds)

    def give(self, response: Response, sign_in: SignIn) -> Response:
        response.set_cookie(
            ACCESS_COOKIE, sign_in.access_token, max_age=self.access_seconds, path="/", **self._attributes()
        )
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

    def _attributes(self) -> dict[str, Any]:
        return {"secure": self.secure, "domain": self.domain, "httponly": True, "samesite": "Lax"}
