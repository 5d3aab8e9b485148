"""The functions in the database, as the services call them over PostgREST."""

from collections.abc import Generator, Iterator

from ops.doctor.asking import NoAnswer, Reply
from ops.doctor.lines import Line, fail, ok, skip, warn
from ops.doctor.setup import Setup
from ops.migrate import MIGRATIONS

MIGRATE = "run `make migrate` with MIGRATE_DATABASE_URL, or `supabase db push`"
RELOAD = "notify pgrst, 'reload schema'"
UNKNOWN_FUNCTION = "PGRST202"


def list_versions() -> list[str]:
    """Of the files in this checkout."""
    return [path.name.partition("_")[0] for path in sorted(MIGRATIONS.glob("*.sql"))]


def check_secret_key(setup: Setup) -> Generator[Line, None, Reply | None]:
    """The answer of the first function that is called with it; None when it was not let in."""
    name = "secret key"
    if not setup.secret_key:
        return None
    try:
        reply = setup.call("list_migrations", setup.secret_key, {})
    except NoAnswer as reason:
        yield fail(name, f"could not be tried, {reason}", "is PostgREST running behind the gateway?")
        return None
    if reply.status == 200 and reply.body is not None:
        yield ok(name, "calls functions, as service_role")
        return reply
    if reply.code == UNKNOWN_FUNCTION:
        yield ok(name, "is taken by PostgREST")
        return reply
    if reply.code == "42501":
        yield fail(name, "PostgREST takes it, but not as service_role", "use the project's secret key (service_role)")
    elif reply.status in (401, 403):
        yield fail(name, f"is not taken ({reply.said})", "Project Settings, API Keys has it; it may have been revoked")
    elif reply.body is None:
        yield fail(name, f"/rest/v1 answers {reply.status}, but not as PostgREST", "is it running behind the gateway?")
    else:
        yield fail(name, f"PostgREST answers {reply.status} ({reply.code} {reply.said})", "see its log")
    return None


def check_migrations(versions: object, *, known: bool, recorded: list[str] | None) -> Generator[Line, None, bool]:
    """Whether everything is applied.

    `versions` is what the database answered, if the function that tells is `known`; `recorded` what its owner reads.
    """
    name = "migrations"
    wanted = list_versions()
    if not known:
        if recorded and set(wanted) <= set(recorded):
            yield fail(name, "all are applied, and PostgREST does not know of them", f"run {RELOAD} in the SQL editor")
        else:
            yield fail(name, "the functions are not there", f"{MIGRATE}; if that was done, run {RELOAD}")
        return False
    found = versions if isinstance(versions, list) else recorded
    if found is None:
        yield warn(name, "there is no record of them", f"apply them by a tool that keeps one: {MIGRATE}")
        return True
    missing = [version for version in wanted if version not in found]
    beyond = sorted({str(version) for version in found} - set(wanted))
    if missing:
        yield fail(name, f"{len(missing)} of {len(wanted)} are not applied, the first is {missing[0]}", MIGRATE)
    elif beyond:
        yield fail(name, f"the database has {beyond[-1]}, which this checkout does not", "update the checkout")
    else:
        yield ok(name, f"all {len(wanted)} are applied, the last is {wanted[-1]}")
    return not missing


def check_details(setup: Setup) -> Iterator[Line]:
    """Our functions put an error's data into `details`, which PostgREST can be told to leave out."""
    name = "error details"
    try:
        reply = setup.call("make_doctor_asks_for_what_is_not_there", setup.secret_key, {})
    except NoAnswer as reason:
        yield skip(name, f"could not be tried, {reason}")
        return
    if reply.code != UNKNOWN_FUNCTION:
        yield skip(name, f"could not be tried, PostgREST answers {reply.status}")
    elif reply.get("details"):
        yield ok(name, "reach the services")
    else:
        yield fail(
            name,
            "PostgREST leaves them out",
            "set client-error-verbosity = verbose (PGRST_CLIENT_ERROR_VERBOSITY): errors would lose their data",
        )
