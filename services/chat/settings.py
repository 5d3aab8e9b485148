"""What chat reads from its environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import DatabaseSettings, Url


class ChatSettings(DatabaseSettings):
    port: int = Field(5002, alias="PORT", ge=1, le=65535, description="port to listen on")
    database_connections: int = Field(
        8, alias="DATABASE_CONNECTIONS", ge=2, le=200, description="connections of each worker, at most"
    )
    websocket_url: Url = Field("http://127.0.0.1:5003", alias="WEBSOCKET_URL", description="where events are pushed to")
    workers: int = Field(2, alias="WORKERS", ge=1, le=64, description="processes")
    threads: int = Field(16, alias="THREADS", ge=2, le=256, description="threads of each process")
