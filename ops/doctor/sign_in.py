"""Sign-in through the project, tried with an account made for it and deleted again: no mail is sent."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt

from ops.doctor.asking import NoAnswer, Reply
from ops.doctor.lines import Line, fail, ok, skip, warn
from ops.doctor.setup import Setup
from shared.errors import AppError
from shared.tokens import TokenVerifier

# Fixed, so that one left behind by a run that was killed is found and deleted by the next.
PROBE = "pulse-doctor@example.org"
NOT_ALLOWED = "https://not-allowed.invalid/"
CALLBACK = "/auth/callback?request=…"
DASHBOARD = "Authentication, URL Configuration"
LONGEST_TOKEN_SECONDS = 3600

Lines = Iterator[Line]


def check_auth_settings(setup: Setup) -> Lines:
    name = "auth settings"
    try:
        reply = setup.ask("GET", "/auth/v1/settings", setup.publishable_key or setup.secret_key)
    except NoAnswer as reason:
        yield skip(name, str(reason))
        return
    if reply.status != 200 or not isinstance(reply.get("external"), dict):
        yield skip(name, f"Supabase Auth answers {reply.status} ({reply.said})")
        return
    problems = list(_find_problems(setup, reply))
    yield from problems or [ok(name, "email sign-in is on, addresses have to be confirmed")]
    if reply.get("external", "google"):
        yield ok("google", f"offered; Google's redirect URI is {_project_as_browsers_see_it(setup)}/auth/v1/callback")
    else:
        yield ok("google", "not enabled in the project, so not offered")


def _find_problems(setup: Setup, reply: Reply) -> Lines:
    name = "auth settings"
    if not reply.get("external", "email"):
        yield fail(name, "sign-in by email is off", "Authentication, Sign In / Providers, Email: enable it")
    if reply.get("mailer_autoconfirm"):
        yield fail(
            name,
            "addresses are confirmed without a mail, so anybody can take any address",
            'Authentication, Sign In / Providers, Email: switch "Confirm email" on',
        )
    signup = setup.get("SIGNUP") or "the default"
    if reply.get("disable_signup") and signup != "invited":
        yield fail(
            name,
            f"the project lets nobody new in, and SIGNUP is {signup}",
            "allow new users to sign up in the project (SIGNUP then decides), or set SIGNUP=invited",
        )
    if reply.get("external", "anonymous_users"):
        yield warn(name, "anonymous sign-ins are on", "switch them off: Pulse never uses them")


def check_links(setup: Setup, keys: list[dict[str, Any]] | None) -> Lines:
    """What a mailed link looks like, where it may lead, and that it signs somebody in."""
    user_id = None
    try:
        callback = setup.auth_public_url + CALLBACK.replace("…", "doctor")
        link = _make_link(setup, callback)
        user_id = link.get("id")
        if link.status != 200 or not isinstance(user_id, str):
            yield from _explain_refusal(link)
            return
        yield from _check_redirect(setup, link, callback)
        elsewhere = _make_link(setup, NOT_ALLOWED)
        yield from _check_site(setup, elsewhere)
        yield from _show_mails(setup, elsewhere)
        yield from _check_code(setup, elsewhere)
        yield from _check_signing_in(setup, elsewhere, keys)
    except NoAnswer as reason:
        yield fail("links", f"could not be tried, {reason}", "see Supabase Auth's log")
    finally:
        if isinstance(user_id, str):
            yield from _clean_up(setup, user_id)


def _make_link(setup: Setup, redirect_to: str) -> Reply:
    """Makes the account where it is missing."""
    body = {"type": "magiclink", "email": PROBE, "redirect_to": redirect_to}
    return setup.ask("POST", "/auth/v1/admin/generate_link", setup.secret_key, body)


def _explain_refusal(link: Reply) -> Lines:
    if link.status in (401, 403):
        yield fail("links", f"Supabase Auth does not take the secret key ({link.said})", "is it the service_role's?")
    else:
        yield fail("links", f"Supabase Auth answers {link.status} ({link.said})", "see its log; is a hook in the way?")


def _check_redirect(setup: Setup, link: Reply, callback: str) -> Lines:
    name = "redirect allow-list"
    if link.get("redirect_to") == callback:
        yield ok(name, f"links may lead to {setup.auth_public_url}{CALLBACK}")
    else:
        yield fail(
            name,
            f"links to {setup.auth_public_url}{CALLBACK} lead to {link.get('redirect_to')} instead",
            f"{DASHBOARD}: add {setup.auth_public_url}/** to the redirect URLs (GOTRUE_URI_ALLOW_LIST)",
        )


def _check_site(setup: Setup, link: Reply) -> Lines:
    name = "site URL"
    found = str(link.get("redirect_to") or "").rstrip("/")
    if found == NOT_ALLOWED.rstrip("/"):
        yield fail(
            "redirect allow-list",
            "links may lead anywhere",
            f"{DASHBOARD}: name only {setup.auth_public_url}/**: whoever gets a link sent could lead it to their site",
        )
    elif found != setup.auth_public_url:
        yield fail(
            name,
            f"is {found}, and mailed links have to lead to auth",
            f"{DASHBOARD}: set it to AUTH_PUBLIC_URL, {setup.auth_public_url} (GOTRUE_SITE_URL)",
        )
    else:
        yield ok(name, f"is AUTH_PUBLIC_URL, {found}")


def _show_mails(setup: Setup, link: Reply) -> Lines:
    """Which template the project has cannot be asked: both links, to compare with one that arrived."""
    ours = f"{setup.auth_public_url}/auth/confirm?token_hash=…&type=email&redirect_to={setup.auth_public_url}{CALLBACK}"
    yield ok("mailed link", f"with our templates (supabase/templates): {ours}")
    action = urlsplit(str(link.get("action_link")))
    place = f"{action.scheme}://{action.netloc}{action.path}"
    yield ok("mailed link", f"with the stock ones, which also work: {place}?token=…&type=magiclink&redirect_to=…")
    wanted = f"{_project_as_browsers_see_it(setup)}/auth/v1/verify"
    if place != wanted:
        yield fail(
            "mailed link",
            f"the project's own links lead to {place}, not to {wanted}",
            "set SUPABASE_PUBLIC_URL to where browsers reach the project,"
            " or its API_EXTERNAL_URL and GOTRUE_MAILER_URLPATHS_*",
        )


def _check_code(setup: Setup, link: Reply) -> Lines:
    digits, wanted = len(str(link.get("email_otp") or "")), int(setup.get("CODE_DIGITS", "6"))
    if digits == wanted:
        yield ok(
            "mailed code", f"{digits} digits; how long it lives is not told: 600 s is right (Email, OTP expiration)"
        )
    else:
        yield fail(
            "mailed code", f"has {digits} digits, and auth asks for {wanted}", f"set CODE_DIGITS={digits} for auth"
        )


def _check_signing_in(setup: Setup, link: Reply, keys: list[dict[str, Any]] | None) -> Lines:
    name = "signing in"
    if not setup.publishable_key:
        yield skip(name, "needs the publishable key")
        return
    body = {"type": "email", "token_hash": link.get("hashed_token")}
    reply = setup.ask("POST", "/auth/v1/verify", setup.publishable_key, body)
    token = reply.get("access_token")
    if reply.status == 429:
        yield warn(name, "was tried too often", "ask again in five minutes")
        return
    if reply.status != 200 or not isinstance(token, str):
        yield fail(
            name, f"a fresh link is answered {reply.status} ({reply.code} {reply.said})", "see Supabase Auth's log"
        )
        return
    secret = setup.get("SUPABASE_JWT_SECRET") or None
    try:
        TokenVerifier(lambda: keys or [], shared_secret=secret).verify(token)
    except AppError:
        yield fail(name, "works, and the services would refuse its token", _find_flaw(token, keys or [], secret))
        return
    seconds = reply.get("expires_in")
    if isinstance(seconds, int) and seconds > LONGEST_TOKEN_SECONDS:
        yield warn(name, f"works, with tokens for {seconds} s", "set the access token expiry to 600 s (JWT_EXP)")
    else:
        yield ok(name, f"works, with tokens for {seconds} s that the services accept")


def _find_flaw(token: str, keys: list[dict[str, Any]], secret: str | None) -> str:
    head, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    if head.get("alg") == "HS256":
        wrong = "SUPABASE_JWT_SECRET is another" if secret else "SUPABASE_JWT_SECRET is not set"
        return f"it is signed with the project's legacy secret, and {wrong}"
    if head.get("alg") != "ES256":
        return f"it is signed with {head.get('alg')}: rotate the project's signing key to ECC (P-256)"
    if head.get("kid") not in [key.get("kid") for key in keys]:
        return f"it is signed with the key {head.get('kid')}, which the project does not publish"
    for name, wanted in (("aud", "authenticated"), ("role", "authenticated")):
        if claims.get(name) != wanted:
            return f"its {name} is {claims.get(name)!r} (GOTRUE_JWT_AUD, GOTRUE_JWT_DEFAULT_GROUP_NAME)"
    return "is a hook for access tokens changing its claims?"


def _clean_up(setup: Setup, user_id: str) -> Lines:
    try:
        reply = setup.ask("DELETE", f"/auth/v1/admin/users/{user_id}", setup.secret_key, {})
        if reply.status in (200, 204, 404):
            return
        told = f"answered {reply.status}"
    except NoAnswer as reason:
        told = str(reason)
    yield fail("links", f"the account {PROBE} made for this could not be deleted ({told})", "run make doctor again")


def _project_as_browsers_see_it(setup: Setup) -> str:
    return (setup.get("SUPABASE_PUBLIC_URL") or setup.supabase_url).rstrip("/")
