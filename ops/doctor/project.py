"""Whether the project answers at all, with the right time, and what it signs access tokens with."""

from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt

from ops.doctor.asking import NoAnswer, Reply
from ops.doctor.keys import read_claims
from ops.doctor.lines import Line, fail, ok, warn
from ops.doctor.setup import Setup

WARN_SECONDS = 5.0
FAIL_SECONDS = 30.0  # what PostgREST tolerates

Lines = Iterator[Line]


def check_project(setup: Setup) -> Generator[Line, None, Reply | None]:
    """Any answer of Supabase Auth, whatever it thinks of the key; None without one."""
    name = "project"
    if urlsplit(setup.supabase_url).path:
        yield fail(
            name, f"SUPABASE_URL {setup.supabase_url} has a path", "only the origin, like https://abc.supabase.co"
        )
        return None
    try:
        reply = setup.ask("GET", "/auth/v1/health", setup.publishable_key or setup.secret_key)
    except NoAnswer as reason:
        yield fail(
            name,
            f"{setup.supabase_url} cannot be reached, {reason}",
            "check SUPABASE_URL; a hosted project that was paused has to be restored in the dashboard",
        )
        return None
    if reply.body is None or reply.status in (404, 405):
        yield fail(
            name,
            f"{setup.supabase_url} answers {reply.status}, but not as Supabase",
            "SUPABASE_URL is the API's origin (not the dashboard's, not the pages'), with /auth/v1 below it",
        )
        return None
    if reply.status >= 500:
        yield fail(
            name, f"Supabase Auth answers {reply.status} ({reply.said})", "see its log, and the platform's status"
        )
        return None
    version = f", Supabase Auth {reply.get('version')}" if reply.get("version") else ""
    yield ok(name, f"{setup.supabase_url} answers in {reply.seconds * 1000:.0f} ms{version}")
    return reply


def check_clock(reply: Reply) -> Lines:
    name = "clock"
    ahead = reply.ahead_seconds
    if ahead is None:
        yield warn(name, "the project tells no time", "compare by hand: tokens need clocks within 30 seconds")
        return
    told = f"this machine's is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} the project's"
    remedy = "set this machine's clock by NTP"
    if abs(ahead) > FAIL_SECONDS:
        yield fail(name, told, f"tokens will be refused; {remedy}")
    elif abs(ahead) > WARN_SECONDS:
        yield warn(name, told, remedy)
    else:
        yield ok(name, "agrees with the project's to a few seconds")


def check_signing_keys(setup: Setup) -> Generator[Line, None, list[dict[str, Any]] | None]:
    """The published keys that access tokens can be verified with; None when they could not be read."""
    name = "signing keys"
    try:
        reply = setup.ask("GET", "/auth/v1/.well-known/jwks.json", setup.publishable_key)
    except NoAnswer as reason:
        yield fail(name, f"cannot be read, {reason}", "see the project's own line")
        return None
    published = reply.get("keys")
    if reply.status != 200 or not isinstance(published, list):
        yield fail(name, f"/auth/v1/.well-known/jwks.json answers {reply.status}", "the gateway must leave it open")
        return None
    usable = [
        key for key in published if isinstance(key, dict) and key.get("kty") == "EC" and key.get("crv") == "P-256"
    ]
    secret = setup.get("SUPABASE_JWT_SECRET")
    if any(isinstance(key, dict) and ("d" in key or "k" in key) for key in published):
        yield fail(name, "the project publishes a private key", "make new ones at once, and publish public parts only")
    if usable:
        ids = ", ".join(str(key.get("kid")) for key in usable)
        yield ok(name, f"ES256, {ids}")
        if secret:
            yield warn(
                name,
                "tokens signed with SUPABASE_JWT_SECRET are accepted beside these",
                "unset it an hour after the project's change to ES256",
            )
    elif published:
        kinds = ", ".join(sorted({str(key.get("alg") or key.get("kty")) for key in published if isinstance(key, dict)}))
        yield fail(name, f"only {kinds}, and Pulse verifies ES256", "Project Settings, JWT Keys: rotate to ECC (P-256)")
    elif secret:
        yield from _check_secret(setup, secret)
    else:
        yield fail(
            name,
            "the project publishes none: it signs with its legacy secret",
            "set SUPABASE_JWT_SECRET for auth, chat and websocket,"
            " or rotate to ECC (P-256) in Project Settings, JWT Keys",
        )
    return usable


def _check_secret(setup: Setup, secret: str) -> Lines:
    """A legacy key is signed with it, which shows whether it is the right one; else signing in will."""
    legacy = next((key for key in (setup.publishable_key, setup.secret_key) if read_claims(key)), None)
    if legacy is not None:
        try:
            jwt.decode(legacy, secret, algorithms=["HS256"], options={"verify_exp": False, "verify_aud": False})
        except jwt.PyJWTError:
            yield fail(
                "signing keys",
                "SUPABASE_JWT_SECRET is not what the project signs with",
                "Project Settings, JWT Keys, Legacy JWT secret has it",
            )
            return
    yield ok("signing keys", "none published: SUPABASE_JWT_SECRET verifies (HS256)")
