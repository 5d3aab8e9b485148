"""Which checks there are, in which order, and what one needs of another."""

from collections.abc import Generator, Iterator
from importlib.util import find_spec
from typing import Any

from ops.doctor.asking import Reply
from ops.doctor.database import NoDatabase, check_login, check_owner, find_versions
from ops.doctor.functions import check_details, check_migrations, check_secret_key
from ops.doctor.keys import check_anon_is_refused, check_key_kinds, check_publishable_key
from ops.doctor.lines import Line, fail, ok, skip, warn
from ops.doctor.project import check_clock, check_project, check_signing_keys
from ops.doctor.services import check_public_addresses, check_services
from ops.doctor.setup import Setup, check_settings
from ops.doctor.sign_in import check_auth_settings, check_links

Lines = Iterator[Line]

INSIDE = (
    "docker compose run --rm --no-deps -v .:/src:ro -w /src -e PULSE_VAR=/tmp -e CHAT_URL=http://chat:5002"
    " auth python -m ops.doctor"
)


def examine(setup: Setup) -> Lines:
    """Everything, as far as it can be asked."""
    yield from check_settings(setup)
    recorded = None
    if setup.get("MIGRATE_DATABASE_URL"):
        recorded = yield from check_owner(setup)
    keys: list[dict[str, Any]] | None = None
    if setup.supabase_url:
        keys = yield from _examine_project(setup, recorded)
    elif setup.beside_compose:
        yield warn(
            "project", "the .env here is docker-compose.yml's, and only its containers reach its project", INSIDE
        )
    else:
        yield ok("provider", "SUPABASE_URL is not set: accounts are Pulse's own")
    if setup.get("DATABASE_URL"):
        yield from _examine_database(setup, recorded)
    elif not setup.supabase_url:
        yield skip("DATABASE_URL", "neither it nor SUPABASE_URL is set, and nothing was started here yet: `make run`")
    yield from _examine_engines(setup)
    yield from check_services(setup, keys)
    yield from check_public_addresses(setup)


def _examine_project(setup: Setup, recorded: list[str] | None) -> Generator[Line, None, list[dict[str, Any]] | None]:
    """The keys the project publishes."""
    yield from check_key_kinds(setup)
    reached = yield from check_project(setup)
    if reached is None:
        for name in ("clock", "keys", "signing keys", "migrations", "auth settings", "links"):
            yield skip(name, "needs the project")
        return None
    yield from check_clock(reached)
    yield from check_publishable_key(setup)
    answered = yield from check_secret_key(setup)
    migrated = yield from _examine_functions(setup, answered, recorded)
    yield from check_anon_is_refused(setup, migrated)
    yield from check_auth_settings(setup)
    keys = yield from check_signing_keys(setup)
    if setup.secret_key:
        yield from check_links(setup, keys)
    else:
        yield skip("links", "needs the secret key")
    return keys


def _examine_functions(
    setup: Setup, answered: Reply | None, recorded: list[str] | None
) -> Generator[Line, None, bool | None]:
    """Whether they are there; None when that is not known."""
    if answered is None:
        yield skip("migrations", "needs the secret key")
        return None
    known = answered.status == 200
    if setup.get("DATABASE_URL"):
        # The services ask Postgres itself, and so does this: below.
        return known
    migrated = yield from check_migrations(answered.get("versions"), known=known, recorded=recorded)
    yield from check_details(setup)
    return known and migrated


def _examine_engines(setup: Setup) -> Lines:
    """Their clients are not installed everywhere that this runs: auth's container has neither."""
    for variable, package in (("REDIS_URL", "redis"), ("KAFKA_BOOTSTRAP_SERVERS", "confluent_kafka")):
        if not setup.get(variable):
            continue
        if find_spec(package) is None:
            yield skip(variable, f"{package} is not installed here; what chat's /readyz says of it is below")
        elif package == "redis":
            from ops.doctor.redis import check_redis

            yield from check_redis(setup)
        else:
            from ops.doctor.kafka import check_kafka

            yield from check_kafka(setup)


def _examine_database(setup: Setup, recorded: list[str] | None) -> Lines:
    usable = yield from check_login(setup)
    if not usable:
        yield skip("migrations", "needs DATABASE_URL")
        return
    try:
        known, versions = find_versions(setup)
    except NoDatabase as reason:
        yield fail("migrations", str(reason), "run make doctor again")
        return
    yield from check_migrations(versions, known=known, recorded=recorded)
