"""What is configured: the environment, then `.env` unless it is docker-compose.yml's, then what `make run` makes up."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from ops.doctor.asking import Reply, ask
from ops.doctor.limits import SECONDS
from ops.doctor.lines import Line, fail, ok, skip
from ops.local_secrets import LocalSecrets, load_secrets
from ops.plan import choose_modules, make_offer, make_services
from ops.settings import RunSettings
from shared.settings import SettingsError

LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")
SECRETS = re.compile(r"SECRET|TOKEN|PASSWORD|KEY|DATABASE_URL|SMTP_URL|REDIS_URL")
NOTHING_KEPT = LocalSecrets("", "", "", "", "")


@dataclass(frozen=True)
class Setup:
    values: Mapping[str, str]
    given: frozenset[str] = field(default_factory=frozenset)
    """Names that somebody set; the rest of `values` is made up."""
    beside_compose: bool = False
    """Whether `.env` is what `make keys` makes: its values are for the containers, and none of them is in `values`."""

    patience_seconds: float = SECONDS
    """How long the project may take for an answer."""

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    @property
    def supabase_url(self) -> str:
        return self.get("SUPABASE_URL").rstrip("/")

    @property
    def secret_key(self) -> str:
        return self.get("SUPABASE_SECRET_KEY")

    @property
    def publishable_key(self) -> str:
        return self.get("SUPABASE_PUBLISHABLE_KEY")

    @property
    def auth_public_url(self) -> str:
        return self.get("AUTH_PUBLIC_URL").rstrip("/")

    @property
    def secrets(self) -> list[str]:
        """Values that no line may show, the longest first."""
        found = {value for name, value in self.values.items() if SECRETS.search(name) and len(value) >= 8}
        found |= {url.rpartition("@")[0].partition("://")[2].partition(":")[2] for url in found if "@" in url}
        return sorted(found - {""}, key=len, reverse=True)

    def ask(self, method: str, path: str, key: str, json: Any = None) -> Reply:
        """Of the project, as supabase's clients ask: the key twice. Raises NoAnswer."""
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        return ask(method, self.supabase_url + path, headers, json, self.patience_seconds)

    def call(self, function: str, key: str, arguments: Any) -> Reply:
        return self.ask("POST", f"/rest/v1/rpc/{function}", key, arguments)


def read_setup(environ: Mapping[str, str], env_file: Path, var: Path, patience_seconds: float = SECONDS) -> Setup:
    """Raises SettingsError and SetupError as `make run` does."""
    filed = read_env_file(env_file)
    beside_compose = "JWT_KEYS" in {**filed, **environ}
    given = {name: value for name, value in {**({} if beside_compose else filed), **environ}.items() if value != ""}
    settings = RunSettings.read(given)
    kept = load_secrets(var) if (var / "secrets.json").exists() else None
    values = make_offer(settings, kept or NOTHING_KEPT, given)
    if kept is None and "DATABASE_URL" not in given:
        values.pop("DATABASE_URL", None)
    return Setup(
        {name: value for name, value in values.items() if value}, frozenset(given), beside_compose, patience_seconds
    )


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines as Docker Compose reads them: quotes are taken off, a bare value ends at ` #`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, PermissionError):
        # In a container it may be somebody else's, who has passed on what it says.
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not (match := LINE.fullmatch(line)):
            continue
        value = match[2].strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        else:
            value = re.split(r"\s#", value)[0].rstrip()
        found[match[1]] = value
    return found


def check_settings(setup: Setup) -> Iterator[Line]:
    """What each service would say at its start. The project's keys have lines of their own."""
    made_by_run = () if "SERVICE_TOKEN" in setup.values else ("SERVICE_TOKEN is not set", "AUTH_SECRET is not set")
    left_out = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "DATABASE_URL: is not set", *made_by_run)
    problems: list[str] = []
    settings = RunSettings.read(setup.values)
    modules = choose_modules(settings)
    for name, module in modules.items():
        try:
            import_module(f"{module}.settings")
        except ModuleNotFoundError as missing:
            # In a container there is what its own service needs.
            yield skip("settings", f"{name}'s cannot be read here: {missing.name} is not installed")
            modules = {other: module for other, module in modules.items() if other != name}
    try:
        make_services(settings, setup.values, modules)
    except SettingsError as error:
        problems = [problem for problem in error.problems if not problem.partition(": ")[2].startswith(left_out)]
    for problem in problems:
        yield fail("settings", problem, "set it right")
    if not problems:
        yield ok("settings", "each service can read its own")
