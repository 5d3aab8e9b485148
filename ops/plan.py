"""Which processes make up Pulse on one machine, and what each of them is told."""

import importlib
import signal
import sys
from collections.abc import Mapping

from ops.children import Child
from ops.engines import broker_command, find_broker, find_redis, is_listening, redis_answers, redis_command
from ops.errors import SetupError
from ops.local_secrets import LocalSecrets
from ops.migrate import APP_ROLE
from ops.nodes import answers, make_nodes
from ops.places import find_var
from ops.postgres import Cluster
from ops.settings import RunSettings
from shared.settings import Settings, SettingsError

DATABASE = "pulse"
MODULES = {
    "auth": "services.auth",
    "chat": "services.chat",
    "websocket": "services.websocket",
    "pages": "frontend.server",
}
BRIDGE = "services.chat.bridge"
GRACE_SECONDS = 16.0  # of a service: its requests get 10, what it has queued 5 more
# Everything else of the starter's environment stays with the starter.
SYSTEM = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LD_LIBRARY_PATH"),
)


def make_cluster(settings: RunSettings, kept: LocalSecrets) -> Cluster:
    return Cluster(find_var() / "postgres", settings.postgres_port, kept.postgres_password)


def redis_url(settings: RunSettings, kept: LocalSecrets) -> str:
    return f"redis://:{kept.redis_password}@127.0.0.1:{settings.redis_port}/0"


def make_offer(settings: RunSettings, kept: LocalSecrets, environ: Mapping[str, str]) -> dict[str, str]:
    """Every setting there is to give; what the starter set comes before what is made up here."""
    made = {
        "PUBLIC_URL": settings.pages_url,
        "LOG_FORMAT": "console",
        "SERVICE_TOKEN": kept.service_token,
        "AUTH_SECRET": kept.auth_secret,
    }
    if settings.is_embedded:
        made["DATABASE_URL"] = make_cluster(settings, kept).url(DATABASE, APP_ROLE, kept.app_password)
    if settings.starts_redis:
        made["REDIS_URL"] = redis_url(settings, kept)
    if settings.starts_broker:
        made["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{settings.kafka_port}"
    if settings.nodes > 1:
        # The balancer knows nothing of polling's sessions.
        made["TRANSPORTS"] = "websocket"
    for name in ("auth", "chat", "websocket"):
        made[f"{name.upper()}_URL"] = settings.local_url(name)
        made[f"{name.upper()}_PUBLIC_URL"] = settings.browser_url(name)
    return {**made, **{name: value for name, value in environ.items() if value != ""}}


def choose_modules(settings: RunSettings) -> dict[str, str]:
    """Of every service that is started, by its name."""
    return {**MODULES, "bridge": BRIDGE} if settings.has_bridge else MODULES


def make_services(
    settings: RunSettings, offer: Mapping[str, str], modules: Mapping[str, str] | None = None
) -> list[Child]:
    """The services and the pages. Raises SettingsError with everything wrong in any of their settings."""
    problems: list[str] = []
    children: list[Child] = []
    for name, module in (choose_modules(settings) if modules is None else modules).items():
        kind = _find_settings(module)
        own = {field.alias or "" for field in kind.model_fields.values()}
        given = {setting: value for setting, value in offer.items() if setting in own}
        given["PORT"] = str(settings.ports[name])
        try:
            kind.read(given)
        except SettingsError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
        environment = {**_system(offer), **given, "PYTHONUNBUFFERED": "1"}
        child = Child(
            name,
            (sys.executable, "-m", module),
            environment,
            answers(settings.local_url(name)),
            grace_seconds=GRACE_SECONDS,
        )
        children += make_nodes(settings, child) if name == "websocket" else [child]
    if problems:
        raise SettingsError(problems)
    return children


def make_engines(settings: RunSettings, kept: LocalSecrets, offer: Mapping[str, str]) -> list[Child]:
    """Redis and the broker, as far as they are started here. Raises SetupError where there is no program for one."""
    children: list[Child] = []
    if settings.starts_redis:
        words = redis_command(find_redis(), settings.redis_port, find_var() / "redis", kept.redis_password)
        children.append(Child("redis", tuple(words), _system(offer), redis_answers(redis_url(settings, kept))))
    if settings.starts_broker:
        words, port = broker_command(find_broker(), settings.kafka_port), settings.kafka_port
        kill = signal.SIGKILL
        children.append(Child("broker", tuple(words), _system(offer), lambda: is_listening(port), kill))
    return children


def make_postgres(cluster: Cluster, offer: Mapping[str, str]) -> Child:
    # SIGINT is its fast, clean stop; on SIGTERM it would wait for clients to leave.
    command = tuple(cluster.command())
    return Child("postgres", command, _system(offer), cluster.is_ready, signal.SIGINT, grace_seconds=10.0)


def make_migration(owner_url: str, offer: Mapping[str, str]) -> Child:
    given = {"MIGRATE_DATABASE_URL": owner_url, "PYTHONUNBUFFERED": "1"}
    if "DATABASE_URL" in offer:
        given["DATABASE_URL"] = offer["DATABASE_URL"]
    command = (sys.executable, "-m", "ops.migrate")
    return Child("migrate", command, {**_system(offer), **given}, lambda: False)


def _system(offer: Mapping[str, str]) -> dict[str, str]:
    return {name: offer[name] for name in SYSTEM if name in offer}


def _find_settings(module: str) -> type[Settings]:
    """The settings class that `<module>.settings` declares."""
    declared = importlib.import_module(f"{module}.settings")
    for kind in vars(declared).values():
        if isinstance(kind, type) and issubclass(kind, Settings) and kind.__module__ == declared.__name__:
            return kind
    raise SetupError(f"{module}.settings declares no settings")
