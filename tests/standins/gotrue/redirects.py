"""Where GoTrue lets a link lead: its site, loopback addresses and the allow-list; else, silently, to the site.

supabase/auth, *internal/utilities/request.go*.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from tests.standins.gotrue.options import GotrueOptions

HOST_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def choose_redirect(options: GotrueOptions, *wished: str) -> str:
    """The first of ``wished`` that is allowed."""
    return next((url for url in wished if _is_allowed(options, url)), options.site_url)


def _is_allowed(options: GotrueOptions, url: str) -> bool:
    site, wished = urlsplit(options.site_url), urlsplit(url)
    host = wished.hostname or ""
    if not url:
        return False
    if (site.scheme, site.hostname) == (wished.scheme, wished.hostname) and (
        site.port == wished.port or host in LOCAL_HOSTS
    ):
        return True
    if host.isdecimal():
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        pass
    if wished.scheme in ("http", "https") and not HOST_NAME.fullmatch(host):
        return False
    return any(_glob(pattern).fullmatch(url.partition("#")[0]) for pattern in options.uri_allow_list)


def _glob(pattern: str) -> re.Pattern[str]:
    """``*`` stops at dots and slashes, ``**`` at nothing."""
    parts = {"**": ".*", "*": "[^./]*", "?": "[^./]"}
    return re.compile("".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*|\?)", pattern)))
