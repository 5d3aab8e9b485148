"""What GoTrue keeps of a person, and how it shows it (supabase/auth, *internal/models/user.go*)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4


def now() -> datetime:
    return datetime.now(UTC)


def show_time(moment: datetime) -> str:
    """With nanoseconds, as Go shows what has not been through Postgres yet."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"


@dataclass
class Identity:
    user_id: str
    provider: str
    provider_id: str
    data: dict[str, Any]
    made_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))

    def show(self) -> dict[str, Any]:
        made = show_time(self.made_at)
        return {
            "identity_id": self.id,
            "id": self.provider_id,
            "user_id": self.user_id,
            "identity_data": self.data,
            "provider": self.provider,
            "last_sign_in_at": made,
            "created_at": made,
            "updated_at": made,
            "email": self.data.get("email", ""),
        }


@dataclass
class User:
    """``password`` is kept as it came: nothing here outlives a test."""

    email: str
    created_at: datetime
    password: str | None
    user_metadata: dict[str, Any]
    app_metadata: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid4()))
    role: str = "authenticated"
    identities: list[Identity] = field(default_factory=list)
    confirmation_token: str = ""
    recovery_token: str = ""
    times: dict[str, datetime] = field(default_factory=dict)

    @property
    def is_confirmed(self) -> bool:
        return "email_confirmed_at" in self.times

    def is_banned(self) -> bool:
        return "banned_until" in self.times and now() < self.times["banned_until"]

    def show(self) -> dict[str, Any]:
        shown = {name: show_time(moment) for name, moment in self.times.items()}
        if self.is_confirmed:
            shown["confirmed_at"] = shown["email_confirmed_at"]
        return {
            "id": self.id,
            "aud": "authenticated",
            "role": self.role,
            "email": self.email,
            "phone": "",
            **shown,
            "app_metadata": self.app_metadata,
            "user_metadata": self.user_metadata,
            "identities": [identity.show() for identity in self.identities],
            "created_at": show_time(self.created_at),
            "updated_at": show_time(self.created_at),
            "is_anonymous": False,
        }


def new_user(email: str, password: str | None, data: dict[str, Any], provider: str = "email") -> User:
    """With the identity GoTrue gives it, which a sign-up's answer shows as not verified."""
    user = User(email, now(), password, dict(data), {"provider": provider, "providers": [provider]})
    if provider == "email":
        told = {"sub": user.id, "email": email, "email_verified": False, "phone_verified": False, **data}
        user.identities.append(Identity(user.id, "email", user.id, told, user.created_at))
    return user


def merged(held: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """A null takes its name out."""
    return {name: value for name, value in {**held, **told}.items() if value is not None}
