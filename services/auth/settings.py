"""What auth reads from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from services.auth.addresses import Email
from services.auth.google_settings import GoogleSettings
from services.auth.loopback import is_loopback
from services.auth.mail.smtp import SmtpServer, parse_sender
from services.auth.redirects import Redirects
from services.auth.signup import SignupPolicy, parse_signup
from shared.settings import Secret, Url, origin_of, split_words

DAY_SECONDS = 24 * 60 * 60


def _check_signup(value: str) -> str:
    parse_signup(value)
    return value


def _check_smtp(value: SecretStr) -> SecretStr:
    SmtpServer.from_url(value.get_secret_value())
    return value


def _check_sender(value: str) -> str:
    parse_sender(value)
    return value


def find_public(values: Mapping[str, Any]) -> str | None:
    """The first setting that lets more than this machine's people in, as ``NAME=value``; None when none does."""
    for name in ("host", "public_url", "auth_public_url"):
        value = values.get(name)  # missing when it is wrong, which is said already
        if value is not None and not is_loopback(value if name == "host" else urlsplit(value).hostname or ""):
            return f"{name.upper()}={value}"
    return None


class AuthSettings(GoogleSettings):
    """Fields that lean on others stand after them, so that all problems are found in one reading."""

    port: int = Field(5001, alias="PORT", ge=1, le=65535, description="port to listen on")
    auth_public_url: Url = Field(
        "http://localhost:5001",
        alias="AUTH_PUBLIC_URL",
        description="auth as browsers reach it; mailed links lead there",
    )
    websocket_url: Url = Field(
        "http://127.0.0.1:5003", alias="WEBSOCKET_URL", description="websocket as auth reaches it, told of sign-outs"
    )
    auth_secret: Secret = Field(
        alias="AUTH_SECRET", description="secret that seals signing keys and codes, 32 characters or more; keep it"
    )
    smtp_url: Annotated[SecretStr, AfterValidator(_check_smtp)] | None = Field(
        None,
        alias="SMTP_URL",
        validate_default=True,
        description="smtp://, smtp+starttls:// or smtps://user:password@host:port, where mail goes out",
    )
    mail_from: Annotated[str, AfterValidator(_check_sender)] | None = Field(
        None, alias="MAIL_FROM", validate_default=True, description="sender of mails, like Pulse <pulse@example.org>"
    )
    signup: Annotated[str, AfterValidator(_check_signup)] | None = Field(
        None,
        alias="SIGNUP",
        description="who may join: open, invited or domains:example.org; open while all is on loopback, else invited",
    )
    admin_emails: Annotated[tuple[Email, ...], BeforeValidator(split_words)] = Field(
        (), alias="ADMIN_EMAILS", description="addresses that become admins and may always join, comma separated"
    )
    cookie_domain: str | None = Field(
        None,
        alias="COOKIE_DOMAIN",
        validate_default=True,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="domain above PUBLIC_URL's and AUTH_PUBLIC_URL's hosts, when those differ",
    )
    access_token_seconds: int = Field(
        600, alias="ACCESS_TOKEN_SECONDS", ge=10, le=600, description="life of an access token"
    )
    session_idle_days: int = Field(
        30, alias="SESSION_IDLE_DAYS", ge=1, le=400, description="days without use after which a session is over"
    )
    session_days: int = Field(
        365, alias="SESSION_DAYS", ge=1, le=3650, description="days after which a session is over in any case"
    )
    logins_per_ip: int = Field(
        100,
        alias="LOGINS_PER_IP",
        ge=1,
        le=100_000,
        description="login mails a network address may ask for in 10 minutes",
    )
    codes_per_ip: int = Field(
        30, alias="CODES_PER_IP", ge=1, le=100_000, description="codes a network address may try in 10 minutes"
    )
    workers: int = Field(1, alias="WORKERS", ge=1, le=64, description="processes that serve requests")
    threads: int = Field(8, alias="THREADS", ge=1, le=256, description="requests a process serves at once")

    @field_validator("smtp_url")
    @classmethod
    def _needed_elsewhere(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        mails_itself = info.data.get("supabase_url", "wrong") is None  # else Supabase Auth does
        public = find_public(info.data)
        if value is None and mails_itself and public:
            raise ValueError(f"is needed because {public} is not loopback: the development inbox would be open to all")
        return value

    @field_validator("mail_from")
    @classmethod
    def _needed_to_send(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("smtp_url") is not None:
            raise ValueError("is needed beside SMTP_URL")
        return value

    @field_validator("cookie_domain")
    @classmethod
    def _one_cookie_jar(cls, value: str | None, info: ValidationInfo) -> str | None:
        hosts = [
            urlsplit(info.data[name]).hostname or "" for name in ("public_url", "auth_public_url") if name in info.data
        ]
        if value is None and len(set(hosts)) > 1:
            raise ValueError(
                f"PUBLIC_URL ({hosts[0]}) and AUTH_PUBLIC_URL ({hosts[1]}) need one host name to share cookies, "
                "or this set to a domain above both"
            )
        for host in hosts:
            if value is not None and host != value and not host.endswith("." + value):
                raise ValueError(f"is not a domain above {host}")
        return value

    @property
    def is_private(self) -> bool:
        """Loopback, for browsers as well: a proxy on this machine may publish what is bound to it."""
        return find_public(self.model_dump(include={"host", "public_url", "auth_public_url"})) is None

    @property
    def keeps_mails(self) -> bool:
        """In the development inbox, instead of sending them."""
        return self.is_private and self.smtp_url is None and self.supabase_url is None

    @property
    def own_origin(self) -> str:
        return origin_of(self.auth_public_url)

    @property
    def smtp(self) -> SmtpServer | None:
        return None if self.smtp_url is None else SmtpServer.from_url(self.smtp_url.get_secret_value())

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def redirects(self) -> Redirects:
        return Redirects(self.origins, self.public_url + "/chat")

    @property
    def signup_policy(self) -> SignupPolicy:
        return SignupPolicy(
            domains=parse_signup(self.signup or ("open" if self.is_private else "invited")),
            admin_emails=frozenset(self.admin_emails),
            first_is_admin=self.is_private,
        )
