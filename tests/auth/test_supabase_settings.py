"""What auth needs for a Supabase project, and what GoTrue's errors become."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from supabase_auth.errors import AuthApiError, AuthRetryableError, AuthUnknownError, AuthWeakPasswordError

from services.auth.provider import LinkExpired, SignInRefused
from services.auth.settings import AuthSettings
from services.auth.supabase.errors import CODES, is_passing, translate
from shared.errors import Malformed, TooManyRequests, Unavailable
from shared.settings import SettingsError
from tests.standins.keys import ProjectKeys

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "supabase-auth.md").read_text()
SOUND = {
    "SUPABASE_URL": "https://abc.supabase.co",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_0123456789012345678901_01234567",
    "SUPABASE_SECRET_KEY": "sb_secret_0123456789012345678901_01234567",
    "SERVICE_TOKEN": "a-service-token-of-thirty-two-characters",
    "AUTH_SECRET": "an-auth-secret-of-thirty-two-characters",
}


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        AuthSettings.read({**SOUND, **environ})
    return [problem.split(":")[0].split(" ")[0] for problem in refused.value.problems]


def test_a_project_needs_its_keys_and_no_mail_server() -> None:
    assert AuthSettings.read({**SOUND, "HOST": "0.0.0.0"}).database_url is None
    missing = problems(SUPABASE_PUBLISHABLE_KEY="", SUPABASE_SECRET_KEY="", AUTH_SECRET="", CODE_DIGITS="5")
    assert sorted(missing) == ["AUTH_SECRET", "CODE_DIGITS", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY"]


def test_a_secret_key_in_the_place_of_the_publishable_one_is_noticed_and_not_repeated() -> None:
    legacy = ProjectKeys("jwt")
    for key in (SOUND["SUPABASE_SECRET_KEY"], legacy.secret_key):
        with pytest.raises(SettingsError) as refused:
            AuthSettings.read({**SOUND, "SUPABASE_PUBLISHABLE_KEY": key})
        assert "is a secret key" in str(refused.value)
        assert key not in str(refused.value)
    assert AuthSettings.read({**SOUND, "SUPABASE_PUBLISHABLE_KEY": legacy.publishable_key})


def test_a_projects_secret_counts_only_with_the_project() -> None:
    secret = "a-legacy-secret-of-thirty-two-characters"
    assert AuthSettings.read({**SOUND, "SUPABASE_JWT_SECRET": secret}).jwt_secret == secret
    own = {"SUPABASE_URL": "", "DATABASE_URL": "postgresql://pulse_app@127.0.0.1/pulse"}
    assert AuthSettings.read({**SOUND, **own}).jwt_secret is None
    with pytest.raises(SettingsError) as refused:
        AuthSettings.read({**SOUND, **own, "SUPABASE_JWT_SECRET": secret})
    [problem] = refused.value.problems
    assert problem.startswith("SUPABASE_URL")
    assert "SUPABASE_JWT_SECRET" in problem
    assert secret not in problem


def test_forwarding_addresses_to_the_platform_needs_a_key_of_the_new_kind() -> None:
    assert AuthSettings.read({**SOUND, "SUPABASE_IP_FORWARDING": "true"}).supabase_ip_forwarding
    assert problems(SUPABASE_IP_FORWARDING="true", SUPABASE_SECRET_KEY=ProjectKeys("jwt").secret_key) == [
        "SUPABASE_IP_FORWARDING"
    ]


def test_browsers_reach_the_project_where_it_is_unless_told_otherwise() -> None:
    assert AuthSettings.read(SOUND).supabase_browser_url == "https://abc.supabase.co"
    told = AuthSettings.read({**SOUND, "SUPABASE_PUBLIC_URL": "https://chat.example.org/"})
    assert told.supabase_browser_url == "https://chat.example.org"


def test_every_code_of_gotrues_is_in_the_document_with_what_it_becomes() -> None:
    rows = [line for line in DOCUMENT.partition("## Errors")[2].splitlines() if line.startswith("| `")]
    for code, error in CODES.items():
        [row] = [row for row in rows if f"`{code}`" in row.split("|")[1]]
        assert f"{error.status} `{error.code}`" in row


def test_only_what_may_do_better_in_a_moment_is_tried_again_and_none_of_it_is_a_refusal() -> None:
    passing: list[Exception] = [
        AuthRetryableError("<html>", 502),
        AuthUnknownError("", ValueError()),
        AuthApiError("Database error", 500, "unexpected_failure"),
        httpx.ReadTimeout(""),
    ]
    unread = AuthUnknownError("", ValueError())
    unread.__cause__ = httpx.HTTPStatusError(
        "", request=httpx.Request("POST", "http://x"), response=httpx.Response(403, text="<html>")
    )
    passing.append(unread)
    for error in passing:
        assert is_passing(error)
        assert type(translate(error, LinkExpired)) is Unavailable
    assert not is_passing(AuthApiError("", 422, "otp_disabled"))


def test_gotrues_words_stay_with_us() -> None:
    error = AuthApiError("Signups not allowed for ann@example.org", 400, "validation_failed")
    assert "ann" not in translate(error, LinkExpired).text
    assert type(translate(error, LinkExpired)) is LinkExpired
    assert type(translate(AuthApiError("Bad ID token", 400, None), SignInRefused)) is SignInRefused
    assert type(translate(AuthApiError("Invalid API key", 401, None), SignInRefused)) is Unavailable
    assert type(translate(AuthApiError("captcha", 400, "captcha_failed"), LinkExpired)) is Unavailable
    weak = translate(AuthWeakPasswordError("Password for ann", 422, ["length"]))
    assert isinstance(weak, Malformed)
    assert weak.data["fields"] == [{"field": "password", "problem": "is too weak: length"}]


@pytest.mark.parametrize(
    ("text", "header", "seconds"),
    [
        ("For security purposes, you can only request this after 37 seconds.", None, 37),
        ("Request rate limit reached", None, 60),
        ("API rate limit exceeded", "12", 12),
        ("API rate limit exceeded", "soon", 60),
        ("after 999999 seconds", None, 3600),
    ],
)
def test_a_429_says_how_long_to_wait(text: str, header: str | None, seconds: int) -> None:
    error = AuthApiError(text, 429, "over_request_rate_limit")
    answer = httpx.Response(429, headers={"Retry-After": header} if header else {})
    error.__cause__ = httpx.HTTPStatusError("", request=httpx.Request("POST", "http://x"), response=answer)
    found = translate(error)
    assert isinstance(found, TooManyRequests)
    assert found.retry_after_seconds == seconds


def test_a_429_of_a_gateway_that_writes_no_json_is_one_too() -> None:
    error = AuthUnknownError("", ValueError())
    answer = httpx.Response(429, headers={"Retry-After": "9"}, text="<html>")
    error.__cause__ = httpx.HTTPStatusError("", request=httpx.Request("POST", "http://x"), response=answer)
    found = translate(error)
    assert isinstance(found, TooManyRequests)
    assert found.retry_after_seconds == 9
