"""How a GoTrue is configured: the stand-in and the real server read the same options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.standins.keys import ProjectKeys

GOOGLE_CLIENT_ID = "pulse-tests.apps.googleusercontent.com"


@dataclass(frozen=True)
class GotrueOptions:
    """Defaults are those Pulse's documentation asks for where GoTrue's own are unsafe, GoTrue's elsewhere.

    ``external_url`` is where browsers and mails reach the server, its gateway's prefix included. ``templates`` and
    ``subjects`` are by template name (``confirmation``, ``magic_link``, ``invite``, ``recovery``), templates as URLs.
    Times are seconds.
    """

    keys: ProjectKeys
    site_url: str
    external_url: str
    smtp_port: int
    smtp_host: str = "127.0.0.1"
    uri_allow_list: tuple[str, ...] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)
    autoconfirm: bool = False
    disable_signup: bool = False
    google: bool = True
    access_token_seconds: int = 3600
    otp_seconds: int = 600
    otp_length: int = 6
    mail_every_seconds: int = 60  # to one address: SMTP_MAX_FREQUENCY
    mails_per_hour: int = 1_000  # of the whole installation
    rate_limit_header: str = ""  # empty: nobody is limited by address
    otp_per_five_minutes: int = 30
    verify_per_five_minutes: int = 30
    token_per_five_minutes: int = 150
    reuse_seconds: int = 10
    password_min_length: int = 6

    @property
    def verify_path(self) -> str:
        return urlsplit(self.external_url).path.rstrip("/") + "/verify"
