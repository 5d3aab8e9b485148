"""What the routes of one app work with, wired once in ``create_app``."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from services.auth.cookies import Cookies
from services.auth.judge import Judge
from services.auth.limits import Limits
from services.auth.notices import Notices
from services.auth.provider import AuthProvider
from services.auth.redirects import Redirects
from services.auth.settings import AuthSettings
from shared.database import Database


@dataclass(frozen=True)
class Parts:
    """``database`` calls public functions; ``own`` those of the schema builtin_auth, where that provider is at work."""

    settings: AuthSettings
    database: Database
    own: Database | None
    provider: AuthProvider
    limits: Limits
    judge: Judge
    redirects: Redirects
    cookies: Cookies
    notices: Notices


def parts() -> Parts:
    found: Parts = current_app.extensions["pulse.auth"]
    return found
