"""Addresses of databases, as people write them: what is wrong with one is said without its password."""

import re
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ops.errors import SetupError

# What ends or splits an address when it stands bare in a password; libpq would quote pieces of it in its errors.
BARE = re.compile(r"[@/?#\[\]\s]|%(?![0-9A-Fa-f]{2})")


def read_address(variable: str, url: str) -> dict[str, str]:
    """libpq's names and values. Raises SetupError, one line that names `variable` and shows nothing of `url`."""
    # Not by urlsplit, which takes brackets for an IPv6 address and says what stands in them.
    if url.partition("://")[0] not in ("postgresql", "postgres"):
        raise SetupError(
            f"{variable} is not a PostgreSQL address: it must be like postgresql://user:password@host:5432/name"
        )
    login = url.partition("://")[2].rpartition("@")[0]
    if BARE.search(login):
        raise SetupError(
            f"{variable}: user or password holds a character that must be written as "
            "%40 (@), %2F (/), %3F (?), %23 (#), %5B ([), %5D (]) or %25 (%); "
            "the brackets of the dashboard's [YOUR-PASSWORD] are to go"
        )
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise SetupError(f"{variable} is not a PostgreSQL address: it cannot be read") from None
    return {name: str(value) for name, value in parts.items() if value is not None}


def find_host(url: str) -> str:
    """The first host that is named; empty when there is none, or the address cannot be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def without_password(text: object, url: str) -> str:
    """What a library said of `url`, on one line, with neither form of its password."""
    said = " ".join(str(text).split())
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    for secret in {password, unquote(password)} - {""}:
        said = said.replace(secret, "…")
    return said
