"""Settings are read once from the environment, frozen, and wrong ones are reported all together."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)


class SettingsError(Exception):
    """``problems``: one line each, naming the variable and what it is for."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def check_url(value: str) -> str:
    """An http(s) address without a trailing slash, query or password."""
    parts = urlsplit(value)
    try:
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        raise ValueError("has a port that is no number from 0 to 65535") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be an address like https://chat.example.org")
    return value.rstrip("/")


def origin_of(url: str) -> str:
    """``scheme://host[:port]`` as a browser writes it in ``Origin``: lower case, no default port."""
    parts = urlsplit(url)
    port = "" if parts.port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def split_words(value: Any) -> Any:
    """A comma-separated variable as a tuple; anything else as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(check_url)]
Urls = Annotated[tuple[Url, ...], BeforeValidator(split_words)]
Words = Annotated[tuple[str, ...], BeforeValidator(split_words)]


def _check_database_url(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        sound = parts.scheme in ("postgresql", "postgres") and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or any(character.isspace() for character in value.get_secret_value()):
        raise ValueError("must be like postgresql://user:password@host:5432/name")
    return value


SecretUrl = Annotated[SecretStr, AfterValidator(_check_database_url)]
"""A database's address with its password."""
Secret = Annotated[SecretStr, Field(min_length=32)]


class Settings(BaseModel):
    """What every service reads. A field's alias is its environment variable, its description the manual."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", alias="HOST", description="address to listen on")
    port: int = Field(alias="PORT", ge=1, le=65535, description="port to listen on")
    public_url: Url = Field(
        "http://localhost:3000", alias="PUBLIC_URL", description="where people open the pages; its origin is allowed"
    )
    allowed_origins: Urls = Field(
        (), alias="ALLOWED_ORIGINS", description="further page origins that may use cookies, comma separated"
    )
    trusted_proxies: int = Field(
        0, alias="TRUSTED_PROXIES", ge=0, le=10, description="how many reverse proxies in front may name the caller"
    )
    log_format: str = Field(
        "json", alias="LOG_FORMAT", pattern="^(json|console)$", description="json lines, or console for people"
    )
    log_level: str = Field(
        "info", alias="LOG_LEVEL", pattern="^(debug|info|warning|error)$", description="least level written"
    )

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins whose pages may use cookies, PUBLIC_URL's first."""
        return tuple(dict.fromkeys(origin_of(url) for url in (self.public_url, *self.allowed_origins)))

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Reads ``environ`` (default the process's own); an empty variable counts as unset. Raises SettingsError."""
        source = os.environ if environ is None else environ
        try:
            return cls.model_validate({name: value for name, value in source.items() if value != ""})
        except ValidationError as error:
            raise SettingsError([cls._problem(dict(item)) for item in error.errors()]) from None

    @classmethod
    def _problem(cls, item: dict[str, Any]) -> str:
        place = str(item["loc"][0]) if item["loc"] else ""
        # pydantic names a default it refuses by the field, a given value by its alias.
        field = cls.model_fields.get(place) or next((f for f in cls.model_fields.values() if f.alias == place), None)
        alias = field.alias if field and field.alias else place
        purpose = f" ({field.description})" if field and field.description else ""
        if item["type"] == "missing":
            return f"{alias} is not set{purpose}"
        problem = str(item["msg"]).removeprefix("Value error, ")
        return f"{alias}: {problem}{purpose}" if alias else problem


class ServiceSettings(Settings):
    """What the three services share beyond that."""

    service_token: Secret = Field(
        alias="SERVICE_TOKEN", description="secret the services show each other, 32 characters or more"
    )
    auth_url: Url = Field("http://127.0.0.1:5001", alias="AUTH_URL", description="auth as the other services reach it")
    supabase_jwt_secret: Secret | None = Field(
        None,
        alias="SUPABASE_JWT_SECRET",
        description="the legacy secret of a project that signs access tokens with it (HS256)",
    )

    @property
    def jwt_secret(self) -> str | None:
        return self.supabase_jwt_secret.get_secret_value() if self.supabase_jwt_secret else None


class DatabaseSettings(ServiceSettings):
    """What the services with a database share beyond that: Postgres itself, or a Supabase project's RPC."""

    supabase_url: Url | None = Field(
        None, alias="SUPABASE_URL", description="a Supabase project, like https://abc.supabase.co"
    )
    supabase_secret_key: SecretStr | None = Field(
        None,
        alias="SUPABASE_SECRET_KEY",
        validate_default=True,
        min_length=20,
        description="its secret key, sb_secret_… or the service_role JWT",
    )
    database_url: SecretUrl | None = Field(
        None,
        alias="DATABASE_URL",
        validate_default=True,
        description="Postgres, as the login pulse_app; without it the data is in SUPABASE_URL, called by RPC",
    )
    database_pooler: str | None = Field(
        None,
        alias="DATABASE_POOLER",
        pattern="^(session|transaction)$",
        description="transaction behind such a pooler; assumed on port 6543",
    )

    @field_validator("supabase_secret_key")
    @classmethod
    def _needed_for_supabase(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("supabase_url") is not None:
            raise ValueError("is needed beside SUPABASE_URL")
        return value

    @field_validator("database_url")
    @classmethod
    def _needed_without_supabase(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("supabase_url", "wrong") is None:
            raise ValueError("is not set, and SUPABASE_URL neither")
        return value


def exit_with(error: SettingsError, program: str) -> NoReturn:
    """Ends the process with every problem on a line of its own."""
    for problem in error.problems:
        print(f"{program}: {problem}", file=sys.stderr)
    raise SystemExit(2)
