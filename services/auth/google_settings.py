"""What auth reads to offer Google, or another OpenID provider, without Supabase."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from services.auth.loopback import is_loopback
from services.auth.project_settings import ProjectSettings
from shared.settings import Url

GOOGLE = "https://accounts.google.com"


class GoogleSettings(ProjectSettings):
    """With SUPABASE_URL none of them counts: Google is set up in the project then."""

    google_client_id: str | None = Field(
        None,
        alias="GOOGLE_CLIENT_ID",
        max_length=500,
        description="OAuth client at Google whose redirect URI is AUTH_PUBLIC_URL/auth/callback",
    )
    google_client_secret: SecretStr | None = Field(
        None, alias="GOOGLE_CLIENT_SECRET", validate_default=True, description="that client's secret"
    )
    google_issuer: Url = Field(
        GOOGLE, alias="GOOGLE_ISSUER", description="another OpenID provider's issuer, in Google's place"
    )

    @field_validator("google_client_secret")
    @classmethod
    def _needed_beside_the_id(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        signs_in_itself = info.data.get("supabase_url", "wrong") is None
        if value is None and signs_in_itself and info.data.get("google_client_id") is not None:
            raise ValueError("is needed beside GOOGLE_CLIENT_ID")
        return value

    @field_validator("google_issuer")
    @classmethod
    def _out_of_others_reach(cls, value: str) -> str:
        # Whoever can change what it answers on the way signs in as anybody.
        parts = urlsplit(value)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise ValueError("must be https, or on this machine")
        return value
