"""What the websocket service reads from its environment."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from shared.redis_connection import RedisSettings
from shared.settings import ServiceSettings, Url


class WebsocketSettings(RedisSettings, ServiceSettings):
    port: int = Field(5003, alias="PORT", ge=1, le=65535, description="port to listen on")
    chat_url: Url = Field("http://127.0.0.1:5002", alias="CHAT_URL", description="who is told about presence")
    connect_timeout_seconds: float = Field(
        10, alias="CONNECT_TIMEOUT_SECONDS", gt=0, description="how long a transport may stay without signing in"
    )
    ping_interval_seconds: int = Field(
        25, alias="PING_INTERVAL_SECONDS", ge=1, description="how often clients are asked whether they are there"
    )
    ping_timeout_seconds: int = Field(
        20,
        alias="PING_TIMEOUT_SECONDS",
        ge=1,
        validate_default=True,
        description="how long they may take to answer, at most PING_INTERVAL_SECONDS",
    )
    expiry_notice_seconds: float = Field(
        30, alias="EXPIRY_NOTICE_SECONDS", ge=0, description="how long before its token's end a client is told"
    )
    presence_grace_seconds: float = Field(
        10, alias="PRESENCE_GRACE_SECONDS", ge=0, description="shorter absences go unmentioned"
    )
    presence_gather_seconds: float = Field(
        1, alias="PRESENCE_GATHER_SECONDS", gt=0, description="how long changes are gathered before chat is told"
    )
    outbox_events: int = Field(
        1_000, alias="OUTBOX_EVENTS", ge=10, description="events that may wait for one slow client"
    )
    outbox_bytes: int = Field(
        4_000_000, alias="OUTBOX_BYTES", ge=100_000, description="bytes that may wait for one slow client"
    )
    stream_bytes: int = Field(
        64_000_000,
        alias="STREAM_BYTES",
        ge=1_000_000,
        description="what Redis keeps for nodes that are behind; one further behind has its clients ask chat",
    )
    resync_spread_seconds: float = Field(
        10, alias="RESYNC_SPREAD_SECONDS", ge=0, description="over how long clients are told to ask chat"
    )
    node_ttl_seconds: float = Field(
        15, alias="NODE_TTL_SECONDS", ge=1, description="how long a silent node's people still count as online"
    )

    @field_validator("ping_timeout_seconds")
    @classmethod
    def _within_the_interval(cls, value: int, info: ValidationInfo) -> int:
        # Else they would be asked each time the timeout is over: less often than the interval says.
        if value > info.data.get("ping_interval_seconds", value):
            raise ValueError(f"{value} must not exceed PING_INTERVAL_SECONDS")
        return value

    @property
    def node_sync_seconds(self) -> float:
        """How often a node writes to Redis who came and went, and that it lives."""
        return min(self.presence_gather_seconds, self.node_ttl_seconds / 5)
