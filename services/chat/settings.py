"""What chat reads from its environment."""

from __future__ import annotations

import os

from pydantic import Field, ValidationInfo, field_validator

from services.chat.kafka.settings import KafkaSettings
from shared.redis_connection import RedisSettings
from shared.settings import DatabaseSettings, Url

MOST_WORKERS = 4  # by default


def choose_workers() -> int:
    """One for each two cores this process may run on: Postgres and the websocket service want theirs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(1, cores // 2), MOST_WORKERS)


class ChatSettings(KafkaSettings, RedisSettings, DatabaseSettings):
    port: int = Field(5002, alias="PORT", ge=1, le=65535, description="port to listen on")
    database_connections: int = Field(
        8, alias="DATABASE_CONNECTIONS", ge=2, le=200, description="connections of each worker, at most"
    )
    websocket_url: Url = Field("http://127.0.0.1:5003", alias="WEBSOCKET_URL", description="where events are pushed to")
    sends_per_minute: int = Field(
        600,
        alias="SENDS_PER_MINUTE",
        ge=1,
        le=1_000_000,
        description="messages and changes one person may make a minute, and at once; over all processes with REDIS_URL",
    )
    workers: int = Field(
        default_factory=choose_workers,
        alias="WORKERS",
        ge=1,
        le=64,
        description="processes; by default one for each two cores, to 4",
    )
    threads: int = Field(16, alias="THREADS", ge=2, le=256, description="threads of each process")
    kafka_partitions: int = Field(
        12, alias="KAFKA_PARTITIONS", ge=1, le=10_000, description="of each topic, when chat makes it"
    )
    kafka_replication: int | None = Field(
        None, alias="KAFKA_REPLICATION", ge=1, le=100, description="copies of each topic, when chat makes it"
    )
    delivery: str = Field(
        "direct",
        alias="DELIVERY",
        pattern="^(direct|kafka)$",
        description="direct: chat pushes to websocket itself; kafka: the bridge does, from the topics",
    )

    @field_validator("delivery")
    @classmethod
    def _check_delivery(cls, value: str, info: ValidationInfo) -> str:
        if value == "kafka" and not info.data.get("kafka_bootstrap_servers", ("wrong",)):
            raise ValueError("kafka needs KAFKA_BOOTSTRAP_SERVERS")
        return value
