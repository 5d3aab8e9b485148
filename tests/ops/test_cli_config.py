"""supabase/config.toml: what the Supabase CLI sets up has to be what Pulse expects."""

import tomllib
from typing import Any

import pytest

from ops.places import ROOT
from services.auth.settings import AuthSettings

FOLDER = ROOT / "supabase"
TEMPLATES = ("confirmation", "magic_link", "invite", "recovery")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "config.toml").read_text())


def test_mailed_links_lead_to_auth_where_it_is_by_default(config: dict[str, Any]) -> None:
    site = AuthSettings.model_fields["auth_public_url"].default
    assert config["auth"]["site_url"] == site
    assert f"{site}/**" in config["auth"]["additional_redirect_urls"]


def test_every_mail_that_can_be_sent_has_our_template_and_a_subject(config: dict[str, Any]) -> None:
    templates = config["auth"]["email"]["template"]
    assert set(templates) == set(TEMPLATES)
    for name, template in templates.items():
        # The CLI reads it relative to the folder above `supabase`.
        path = (ROOT / template["content_path"]).resolve()
        assert path == FOLDER / "templates" / f"{name}.html"
        assert "{{ .SiteURL }}/auth/confirm?token_hash={{ .TokenHash }}" in path.read_text()
        assert template["subject"]


def test_codes_and_tokens_are_short_lived_and_addresses_are_confirmed(config: dict[str, Any]) -> None:
    auth, email = config["auth"], config["auth"]["email"]
    assert email["enable_confirmations"] is True
    assert (email["otp_length"], email["otp_expiry"]) == (AuthSettings.model_fields["code_digits"].default, 600)
    assert auth["jwt_expiry"] == AuthSettings.model_fields["access_token_seconds"].default
    assert auth["refresh_token_reuse_interval"] == 10
    assert auth["enable_anonymous_sign_ins"] is False


def test_only_the_functions_schema_is_exposed(config: dict[str, Any]) -> None:
    assert config["api"]["schemas"] == ["public"]


def test_no_secret_is_written_down(config: dict[str, Any]) -> None:
    def values(found: Any, name: str = "") -> list[tuple[str, Any]]:
        if isinstance(found, dict):
            return [pair for key, value in found.items() for pair in values(value, key)]
        return [(name, found)]

    named = [(name, value) for name, value in values(config) if name in ("secret", "pass", "client_id", "auth_token")]
    assert named
    assert all(str(value).startswith("env(") for _, value in named)


def test_the_mails_that_sign_in_are_one_text_however_supabase_auth_calls_them() -> None:
    texts = {(FOLDER / "templates" / f"{name}.html").read_text() for name in ("magic_link", "confirmation")}
    assert len(texts) == 1


def test_the_mail_for_a_new_password_leads_to_where_one_is_chosen_and_carries_no_code() -> None:
    text = (FOLDER / "templates" / "recovery.html").read_text()
    assert "type=recovery" in text
    assert "{{ .Token }}" not in text
