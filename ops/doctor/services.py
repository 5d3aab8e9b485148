"""The services and the pages: whether they answer, are ready, and were told the same secrets, keys and addresses."""

from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from ops.doctor.asking import NoAnswer, Reply, ask
from ops.doctor.lines import Line, fail, ok, skip, warn
from ops.doctor.setup import Setup
from ops.settings import PORTS
from shared.settings import origin_of

NOBODY = "00000000-0000-0000-0000-000000000000"
# Answered without doing anything, and only to who shows SERVICE_TOKEN.
FOR_SERVICES: dict[str, tuple[str, str, Any]] = {
    "auth": ("GET", "/revocations?after=0", None),
    "chat": ("POST", "/internal/presence", {"changes": []}),
    "websocket": ("GET", f"/online?ids={NOBODY}", None),
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Lines = Iterator[Line]


def check_services(setup: Setup, keys: list[dict[str, Any]] | None) -> Lines:
    alive: dict[str, Reply] = {}
    silent: dict[str, str] = {}
    for name in FOR_SERVICES:
        try:
            alive[name] = ask("GET", f"{_url(setup, name)}/healthz")
        except NoAnswer as reason:
            silent[name] = f"{_url(setup, name)} cannot be reached, {reason}"
    if not alive and not any(f"{name.upper()}_URL" in setup.given for name in FOR_SERVICES):
        yield warn(
            "services", "none of them runs here", "`make run`, or AUTH_URL, CHAT_URL and WEBSOCKET_URL of those that do"
        )
        return
    for name, variable in ((name, PORTS[name]) for name in FOR_SERVICES):
        if name in silent:
            yield fail(name, silent[name], f"start it, or set {name.upper()}_URL ({variable} for `make run`)")
        elif alive[name].get("status") != "alive":
            yield fail(
                name,
                f"{_url(setup, name)} answers {alive[name].status}, but is none of ours",
                f"check {name.upper()}_URL",
            )
        else:
            yield from _check_ready(setup, name)
            yield from _check_token(setup, name)
    if "auth" in alive and keys is not None:
        yield from _check_same_keys(setup, keys)


def _check_ready(setup: Setup, name: str) -> Lines:
    try:
        reply = ask("GET", f"{_url(setup, name)}/readyz")
    except NoAnswer as reason:
        yield fail(name, f"is alive, and /readyz is not answered, {reason}", "see its log")
        return
    states = reply.get("dependencies")
    down = {what: state for what, state in states.items() if state != "ok"} if isinstance(states, dict) else {}
    told = ", ".join(f"{what}: {state}" for what, state in down.items())
    if reply.status != 200:
        yield fail(name, f"is alive and not ready ({told or reply.said})", "mend what is down; it goes on by itself")
    elif down:
        yield warn(name, f"is ready, with something down ({told})", "mend that; it goes on by itself")
    else:
        yield ok(name, f"{_url(setup, name)} is ready")


def _check_token(setup: Setup, name: str) -> Lines:
    method, path, body = FOR_SERVICES[name]
    if not setup.get("SERVICE_TOKEN"):
        yield skip(f"{name}'s service token", "SERVICE_TOKEN is not set")
        return
    headers = {"Authorization": f"Bearer {setup.get('SERVICE_TOKEN')}"}
    try:
        reply = ask(method, _url(setup, name) + path, headers, body)
    except NoAnswer as reason:
        yield skip(f"{name}'s service token", str(reason))
        return
    if reply.status in (401, 403):
        yield fail(f"{name}'s service token", "is another than SERVICE_TOKEN here", "give all services the same one")
    elif reply.status == 404:
        yield skip(f"{name}'s service token", f"{path.partition('?')[0]} is not routed there")
    elif reply.status < 400:
        yield ok(f"{name}'s service token", "is SERVICE_TOKEN")
    else:
        yield skip(f"{name}'s service token", f"could not be tried, {reply.status} ({reply.code})")


def _check_same_keys(setup: Setup, keys: list[dict[str, Any]]) -> Lines:
    name = "auth's signing keys"
    try:
        reply = ask("GET", f"{_url(setup, 'auth')}/.well-known/jwks.json")
    except NoAnswer as reason:
        yield skip(name, str(reason))
        return
    served = {key.get("kid") for key in reply.get("keys") or [] if isinstance(key, dict)}
    if served == {key.get("kid") for key in keys}:
        yield ok(name, "are the project's")
    else:
        yield fail(name, "are not the project's", "give auth this SUPABASE_URL and start it again")


def check_public_addresses(setup: Setup) -> Generator[Line, None, None]:
    """What browsers open: one host for cookies, https, and pages that know where auth is."""
    pages, auth = setup.get("PUBLIC_URL").rstrip("/"), setup.auth_public_url
    hosts = {urlsplit(pages).hostname or "", urlsplit(auth).hostname or ""}
    domain = setup.get("COOKIE_DOMAIN")
    if domain and not all(host == domain or host.endswith("." + domain) for host in hosts):
        yield fail(
            "cookies", f"COOKIE_DOMAIN {domain} is not above {' and '.join(sorted(hosts))}", "set a domain above both"
        )
    elif not domain and len(hosts) > 1:
        yield fail(
            "cookies",
            f"PUBLIC_URL and AUTH_PUBLIC_URL have the hosts {' and '.join(sorted(hosts))}",
            "use one host name (ports may differ), or set COOKIE_DOMAIN to a domain above both",
        )
    else:
        secure = pages.startswith("https://")
        yield ok("cookies", f"shared by pages and auth{', Secure' if secure else ''}")
    if not pages.startswith("https://") and urlsplit(pages).hostname not in LOOPBACK:
        yield warn("https", f"PUBLIC_URL {pages} is not encrypted", "put a proxy with a certificate in front")
    if pages.startswith("https://") != auth.startswith("https://"):
        yield fail("https", "PUBLIC_URL and AUTH_PUBLIC_URL differ in it", "Secure cookies need both to be https")
    yield from _check_who_may_join(setup, pages, auth)
    yield from _check_pages(setup, pages, auth)


def _check_who_may_join(setup: Setup, pages: str, auth: str) -> Lines:
    """Once people elsewhere can open it, nobody is an admin by coming first, and nobody joins unasked."""
    if {urlsplit(pages).hostname, urlsplit(auth).hostname} <= set(LOOPBACK):
        return
    missing = [name for name in ("SIGNUP", "ADMIN_EMAILS") if not setup.get(name)]
    if missing:
        yield warn(
            "who may join",
            f"PUBLIC_URL {pages} is for people elsewhere, and {' and '.join(missing)} not set here",
            "give auth SIGNUP (invited, unless it is set) and ADMIN_EMAILS (else nobody is an admin)",
        )
    else:
        yield ok("who may join", f"{setup.get('SIGNUP')}, and ADMIN_EMAILS as admins")


def _check_pages(setup: Setup, pages: str, auth: str) -> Lines:
    try:
        reply = ask("GET", f"{pages}/config.json")
    except NoAnswer as reason:
        # From inside a network of containers the way out may be closed.
        beside = urlsplit(_url(setup, "auth")).hostname in LOOPBACK
        kind = fail if "PUBLIC_URL" in setup.given and beside else warn
        yield kind("pages", f"{pages} cannot be reached, {reason}", "start them, or set PUBLIC_URL")
        return
    told = reply.get("auth_url")
    if not isinstance(told, str):
        yield fail("pages", f"{pages}/config.json answers {reply.status}, but not as our pages", "check PUBLIC_URL")
        return
    wrong = list(_compare_addresses(setup, reply, auth))
    yield from wrong
    if not wrong:
        yield ok("pages", f"{pages} knows where auth, chat and websocket are")


def _compare_addresses(setup: Setup, config: Reply, auth: str) -> Lines:
    """What the pages tell browsers of each service; where nobody said what it is to be, somebody has to be there."""
    for name in FOR_SERVICES:
        variable, told = f"{name.upper()}_PUBLIC_URL", str(config.get(f"{name}_url"))
        wanted = auth if name == "auth" else setup.get(variable).rstrip("/")
        if (name == "auth" or variable in setup.given) and not _is_same(told, wanted):
            yield fail("pages", f"send people to {told}, not to {wanted}", f"give the pages the same {variable}")
        elif name != "auth":
            try:
                ask("GET", f"{told}/healthz")
            except NoAnswer as reason:
                # From inside a network of containers the way out may be closed.
                beside = urlsplit(_url(setup, "auth")).hostname in LOOPBACK
                kind = fail if beside else warn
                yield kind(
                    "pages",
                    f"send people to {told} for {name}, which cannot be reached, {reason}",
                    f"set {variable} for the pages (behind one origin it is PUBLIC_URL)",
                )


def _is_same(one: str, other: str) -> bool:
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


def _url(setup: Setup, name: str) -> str:
    return setup.get(f"{name.upper()}_URL").rstrip("/")
