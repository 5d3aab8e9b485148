"""What the page server reads from its environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from shared.settings import Settings, Url, Words


def _check_transports(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or not set(value) <= {"websocket", "polling"}:
        raise ValueError("must be websocket, polling or both")
    return value


class PagesSettings(Settings):
    port: int = Field(3000, alias="PORT", ge=1, le=65535, description="port to listen on")
    auth_public_url: Url = Field(
        "http://localhost:5001", alias="AUTH_PUBLIC_URL", description="auth as browsers reach it"
    )
    chat_public_url: Url = Field(
        "http://localhost:5002", alias="CHAT_PUBLIC_URL", description="chat as browsers reach it"
    )
    websocket_public_url: Url = Field(
        "http://localhost:5003", alias="WEBSOCKET_PUBLIC_URL", description="websocket as browsers reach it"
    )
    transports: Annotated[Words, AfterValidator(_check_transports)] = Field(
        ("websocket", "polling"),
        alias="TRANSPORTS",
        description="how browsers connect, in order; websocket alone with several nodes behind no sticky balancer",
    )

    @property
    def is_secure(self) -> bool:
        return self.public_url.startswith("https://")
