"""What the bridge reads from its environment."""

from __future__ import annotations

from pydantic import Field

from services.chat.kafka.settings import KafkaSettings
from shared.settings import Url, Words


class BridgeSettings(KafkaSettings):
    port: int = Field(5004, alias="PORT", ge=1, le=65535, description="port for /healthz, /readyz and /metrics")
    kafka_bootstrap_servers: Words = Field(
        alias="KAFKA_BOOTSTRAP_SERVERS", min_length=1, description="Kafka as host:port, comma separated"
    )
    websocket_url: Url = Field("http://127.0.0.1:5003", alias="WEBSOCKET_URL", description="where events are pushed to")
