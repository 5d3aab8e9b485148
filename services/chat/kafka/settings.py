"""How chat and the bridge reach Kafka."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.settings import ServiceSettings, Words

SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")


class KafkaSettings(ServiceSettings):
    kafka_bootstrap_servers: Words = Field(
        (), alias="KAFKA_BOOTSTRAP_SERVERS", description="Kafka as host:port, comma separated"
    )
    kafka_security_protocol: str = Field(
        "PLAINTEXT",
        alias="KAFKA_SECURITY_PROTOCOL",
        pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$",
        description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    kafka_sasl_mechanism: str = Field(
        "PLAIN",
        alias="KAFKA_SASL_MECHANISM",
        pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$",
        description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    )
    kafka_username: str | None = Field(
        None, alias="KAFKA_USERNAME", validate_default=True, description="login, for the SASL protocols"
    )
    kafka_password: SecretStr | None = Field(
        None, alias="KAFKA_PASSWORD", validate_default=True, description="its password"
    )
    kafka_ca_file: Path | None = Field(
        None, alias="KAFKA_CA_FILE", description="PEM file of whoever signed the brokers' certificates"
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _check_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            if not SERVER.fullmatch(server) or not 0 < int(server.rpartition(":")[2]) < 65536:
                raise ValueError("must be like kafka1:9092,kafka2:9092")
        return value

    @field_validator("kafka_username", "kafka_password")
    @classmethod
    def _needed_for_sasl(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = str(info.data.get("kafka_security_protocol", ""))
        if value is None and protocol.startswith("SASL"):
            raise ValueError(f"is needed with KAFKA_SECURITY_PROTOCOL={protocol}")
        return value

    @field_validator("kafka_ca_file")
    @classmethod
    def _check_file(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
            except FileNotFoundError:
                raise ValueError("is no file") from None
            except OSError:  # ssl's own are among them
                raise ValueError("holds no certificate that can be read") from None
        return value
