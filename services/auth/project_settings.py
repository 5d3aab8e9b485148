"""What auth reads of the Supabase project that signs people in."""

from __future__ import annotations

import jwt
from pydantic import Field, ValidationInfo, field_validator

from shared.settings import DatabaseSettings, Url


def _is_key_of(key: str, role: str) -> bool:
    """Whether a legacy API key, a JWT, is that of ``role``."""
    try:
        return bool(jwt.decode(key, options={"verify_signature": False}).get("role") == role)
    except jwt.PyJWTError:
        return False


class ProjectSettings(DatabaseSettings):
    """Without SUPABASE_URL none of them counts."""

    supabase_url: Url | None = Field(
        None,
        alias="SUPABASE_URL",
        validate_default=True,
        description="a Supabase project, like https://abc.supabase.co",
    )
    supabase_publishable_key: str | None = Field(
        None,
        alias="SUPABASE_PUBLISHABLE_KEY",
        validate_default=True,
        min_length=20,
        description="the project's publishable key, sb_publishable_… or the anon JWT",
    )
    supabase_public_url: Url | None = Field(
        None,
        alias="SUPABASE_PUBLIC_URL",
        description="SUPABASE_URL as browsers reach it, when that differs; Google sends them there",
    )
    supabase_ip_forwarding: bool = Field(
        False,
        alias="SUPABASE_IP_FORWARDING",
        description="true when the hosted project has IP address forwarding switched on, which wants the secret key",
    )
    code_digits: int = Field(
        6, alias="CODE_DIGITS", ge=6, le=10, description="length of mailed codes, as the Supabase project has it"
    )

    @field_validator("supabase_url")
    @classmethod
    def _one_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Whoever knows a former project's secret could sign tokens that count beside ours.
        if value is None and info.data.get("supabase_jwt_secret") is not None:
            raise ValueError("is not set, and SUPABASE_JWT_SECRET is: remove that, here and for chat and websocket")
        return value

    @field_validator("supabase_publishable_key")
    @classmethod
    def _needed_to_sign_in(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("supabase_url") is not None:
            raise ValueError("is needed beside SUPABASE_URL")
        if value is not None and (value.startswith("sb_secret_") or _is_key_of(value, "service_role")):
            raise ValueError("is a secret key")
        return value

    @field_validator("supabase_ip_forwarding")
    @classmethod
    def _needs_a_new_key(cls, value: bool, info: ValidationInfo) -> bool:
        key = info.data.get("supabase_secret_key")
        if value and key is not None and not key.get_secret_value().startswith("sb_secret_"):
            raise ValueError("needs a SUPABASE_SECRET_KEY of the kind sb_secret_…")
        return value

    @property
    def supabase_browser_url(self) -> str:
        return self.supabase_public_url or self.supabase_url or ""
