"""The real Supabase Auth, where ``GOTRUE_BIN`` names its program (``go build`` in a clone of supabase/auth)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import requests
from psycopg import sql

from tests.standins.gotrue import GotrueOptions
from tests.standins.gotrue.options import GOOGLE_CLIENT_ID

PROGRAM = os.environ.get("GOTRUE_BIN", "")
OWNER = "supabase_auth_admin"
OWNER_PASSWORD = "auth-admin-in-tests"
READY_SECONDS = 60.0
# All that GoTrue compares with the time of day.
MOMENTS = {
    "users": ("confirmation_sent_at", "recovery_sent_at", "banned_until"),
    "refresh_tokens": ("updated_at",),
    "flow_state": ("created_at", "auth_code_issued_at"),
}


@dataclass(frozen=True)
class RealGotrue:
    url: str
    owner_url: str

    def let_pass(self, seconds: float) -> None:
        """Moves what has happened into the past; tokens signed already keep their end."""
        with psycopg.connect(self.owner_url, autocommit=True) as owner:
            for table, columns in MOMENTS.items():
                moved = ", ".join(f"{column} = {column} - make_interval(secs => {seconds})" for column in columns)
                owner.execute(f"update auth.{table} set {moved}".encode())


@contextmanager
def serve_gotrue(options: GotrueOptions, owner_url: str, port: int, folder: Path) -> Iterator[RealGotrue]:
    """``owner_url``'s database gets its schema ``auth``, ``folder`` its log. It ends with the block."""
    environ = {**_environment(options, _let_in(owner_url), port), "PATH": os.environ["PATH"]}
    log = folder / "gotrue.log"
    with log.open("ab") as output:
        server = subprocess.Popen([*_dies_with_us(), PROGRAM], env=environ, cwd=folder, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(server, url, log)
        yield RealGotrue(url, owner_url)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def lock_server(owner_url: str, number: int) -> Iterator[None]:
    """Databases of one server share its roles; a lock belongs to one database, so it is taken in ``postgres``."""
    url = urlsplit(owner_url)._replace(path="/postgres").geturl()
    with psycopg.connect(url, autocommit=True) as everywhere:
        everywhere.execute("select pg_advisory_lock(%s)", [number])
        yield


def _let_in(owner_url: str) -> str:
    """What Supabase's image of Postgres has ready for it (supabase/auth, *hack/init_postgres.sql*)."""
    place = urlsplit(owner_url)
    with lock_server(owner_url, 5271), psycopg.connect(owner_url, autocommit=True) as owner:
        if not owner.execute("select 1 from pg_roles where rolname = %s", [OWNER]).fetchone():
            owner.execute(sql.SQL("create role {} login noinherit createrole").format(sql.Identifier(OWNER)))
        admin = sql.Identifier(OWNER)
        owner.execute(sql.SQL("alter role {} login password {}").format(admin, OWNER_PASSWORD))
        owner.execute(sql.SQL("alter role {} set search_path = 'auth'").format(admin))
        owner.execute(sql.SQL("create schema if not exists auth authorization {}").format(admin))
        database = sql.Identifier(place.path.lstrip("/"))
        owner.execute(sql.SQL("grant create on database {} to {}").format(database, admin))
    return place._replace(netloc=f"{OWNER}:{quote(OWNER_PASSWORD)}@{place.hostname}:{place.port}").geturl()


def _environment(options: GotrueOptions, database_url: str, port: int) -> dict[str, str]:
    keys = options.keys
    environ = {
        "API_EXTERNAL_URL": options.external_url,
        "API_HOST": "127.0.0.1",
        "API_PORT": str(port),
        "DB_DRIVER": "postgres",
        "DB_DATABASE_URL": database_url,
        "SITE_URL": options.site_url,
        "URI_ALLOW_LIST": ",".join(options.uri_allow_list),
        "DISABLE_SIGNUP": str(options.disable_signup).lower(),
        "JWT_SECRET": keys.jwt_secret,
        "JWT_AUD": "authenticated",
        "JWT_DEFAULT_GROUP_NAME": "authenticated",
        "JWT_ADMIN_ROLES": "service_role,supabase_admin",
        "JWT_EXP": str(options.access_token_seconds),
        "EXTERNAL_EMAIL_ENABLED": "true",
        "EXTERNAL_GOOGLE_ENABLED": str(options.google).lower(),
        "EXTERNAL_GOOGLE_CLIENT_ID": GOOGLE_CLIENT_ID,
        "EXTERNAL_GOOGLE_SECRET": "of-no-use-here",
        "EXTERNAL_GOOGLE_REDIRECT_URI": f"{options.external_url}/callback",
        "MAILER_AUTOCONFIRM": str(options.autoconfirm).lower(),
        "MAILER_OTP_EXP": str(options.otp_seconds),
        "MAILER_OTP_LENGTH": str(options.otp_length),
        "PASSWORD_MIN_LENGTH": str(options.password_min_length),
        "RATE_LIMIT_EMAIL_SENT": str(options.mails_per_hour),
        "RATE_LIMIT_HEADER": options.rate_limit_header,
        "RATE_LIMIT_OTP": str(options.otp_per_five_minutes),
        "RATE_LIMIT_VERIFY": str(options.verify_per_five_minutes),
        "RATE_LIMIT_TOKEN_REFRESH": str(options.token_per_five_minutes),
        "SECURITY_REFRESH_TOKEN_REUSE_INTERVAL": str(options.reuse_seconds),
        "SMTP_HOST": options.smtp_host,
        "SMTP_PORT": str(options.smtp_port),
        "SMTP_ADMIN_EMAIL": "admin@example.org",
        "SMTP_MAX_FREQUENCY": f"{max(1, options.mail_every_seconds * 1000)}ms",  # 0 would be its default, a minute
        "LOG_LEVEL": "warn",
    }
    for name in ("CONFIRMATION", "INVITE", "RECOVERY", "EMAIL_CHANGE"):
        environ[f"MAILER_URLPATHS_{name}"] = options.verify_path
    for name, url in options.templates.items():
        environ[f"MAILER_TEMPLATES_{name.upper()}"] = url
    for name, subject in options.subjects.items():
        environ[f"MAILER_SUBJECTS_{name.upper()}"] = subject
    if keys.signing == "ES256":
        # Without the secret among them, the API keys' own tokens, which it signed, would be refused.
        secret = base64.urlsafe_b64encode(keys.jwt_secret.encode()).rstrip(b"=").decode()
        legacy = {"kty": "oct", "k": secret, "kid": "legacy", "alg": "HS256", "key_ops": ["verify"]}
        environ["JWT_KEYS"] = json.dumps([keys.signer.private_jwk, legacy])
    return {f"GOTRUE_{name}" if name != "API_EXTERNAL_URL" else name: value for name, value in environ.items()}


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """It answers only once it has migrated its database."""
    deadline = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if requests.get(f"{url}/health", timeout=2).status_code == 200:
                return
        time.sleep(0.05)
    lines = log.read_text(errors="replace").splitlines()
    raise AssertionError("GoTrue did not start:\n" + "\n".join(lines[-10:]))


def _dies_with_us() -> list[str]:
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
