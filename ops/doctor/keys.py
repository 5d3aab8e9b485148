"""The keys of a project: of which role, whose, and whether the project takes them."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import jwt

from ops.doctor.asking import NoAnswer
from ops.doctor.lines import Line, fail, ok, skip
from ops.doctor.setup import Setup

ROLES = {"anon": "publishable", "service_role": "secret"}
WHERE = "Project Settings, API Keys, has it"


def find_kind(key: str) -> str:
    """`publishable`, `secret`, or what else it seems to be."""
    for kind in ROLES.values():
        if key.startswith(f"sb_{kind}_"):
            return kind
    role = str(read_claims(key).get("role", ""))
    return ROLES.get(role) or (f"token of the role {role}" if role else "unknown")


def read_claims(key: str) -> dict[str, object]:
    """Of a legacy key, unverified; empty for any other."""
    try:
        return dict(jwt.decode(key, options={"verify_signature": False}))
    except jwt.PyJWTError:
        return {}


def check_key_kinds(setup: Setup) -> Iterator[Line]:
    """Without the network: is each key what its name says?"""
    for name, wanted in (("SUPABASE_PUBLISHABLE_KEY", "publishable"), ("SUPABASE_SECRET_KEY", "secret")):
        key = setup.get(name)
        if not key:
            yield fail(name, "is not set", WHERE)
            continue
        found, legacy = find_kind(key), read_claims(key)
        if found != wanted:
            swapped = find_kind(setup.publishable_key) == "secret" and find_kind(setup.secret_key) == "publishable"
            told = "the two keys are swapped" if swapped else f"a {wanted} key belongs here; {WHERE}"
            yield fail(name, f"is no {wanted} key but {_article(found)}", told)
        elif _is_of_another(legacy, setup.supabase_url):
            yield fail(name, f"is of the project {legacy['ref']}", f"{WHERE}, of the project SUPABASE_URL names")
        elif _is_over(legacy):
            yield fail(name, "has expired", "make a new one")
        else:
            yield ok(name, f"is {_article(found)} ({'a legacy JWT' if legacy else 'sb_…'})")


def check_publishable_key(setup: Setup) -> Iterator[Line]:
    if not setup.publishable_key:
        return
    name = "publishable key"
    try:
        reply = setup.ask("GET", "/auth/v1/settings", setup.publishable_key)
    except NoAnswer as reason:
        yield fail(name, f"could not be tried, {reason}", "see the project's own line")
        return
    if reply.status == 200:
        yield ok(name, "is taken by Supabase Auth")
    elif reply.status in (401, 403):
        yield fail(name, f"is not taken ({reply.said})", f"{WHERE}; it may have been replaced or revoked")
    else:
        yield fail(name, f"Supabase Auth answers {reply.status} ({reply.said})", "see its log")


def check_anon_is_refused(setup: Setup, migrated: bool | None) -> Iterator[Line]:
    """What a leaked publishable key opens: nothing."""
    name = "publishable key opens nothing"
    if not setup.publishable_key or not migrated:
        yield skip(name, "needs the functions and the key")
        return
    try:
        reply = setup.call("list_migrations", setup.publishable_key, {})
    except NoAnswer as reason:
        yield fail(name, f"could not be tried, {reason}", "run make doctor again")
        return
    if reply.status == 200:
        yield fail(
            name,
            "a function of ours answers it",
            "is this the secret key? Else `revoke execute on all functions in schema public"
            " from public, anon, authenticated`",
        )
    elif reply.status in (401, 403):
        yield ok(name, f"a function of ours refuses it ({reply.code})")
    else:
        yield fail(name, f"a function of ours answers it {reply.status} ({reply.said})", "see PostgREST's log")


def _is_of_another(claims: dict[str, object], url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return "ref" in claims and host.endswith(".supabase.co") and claims["ref"] != host.partition(".")[0]


def _is_over(claims: dict[str, object]) -> bool:
    expires_at = claims.get("exp")
    return isinstance(expires_at, int | float) and expires_at < time.time()


def _article(kind: str) -> str:
    return (
        "nothing that looks like a key"
        if kind == "unknown"
        else f"a {kind}" + (" key" if kind in ROLES.values() else "")
    )
