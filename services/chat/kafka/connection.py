"""What every client of Kafka here is told, and the topics."""

from __future__ import annotations

from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from services.chat.kafka.settings import KafkaSettings

MESSAGES, USERS, DEAD = "chat.messages", "chat.users", "chat.dead"
ANSWER_SECONDS = 3.0

log = structlog.get_logger()


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """librdkafka's CONFIGURATION.md names them. Holds the password: never logged."""
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.kafka_bootstrap_servers),
        "client.id": "pulse",
        "security.protocol": settings.kafka_security_protocol,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "socket.connection.setup.timeout.ms": 5_000,
        "socket.keepalive.enable": True,
        "log_level": 0,  # its own lines on stderr; what matters comes as errors
    }
    if settings.kafka_ca_file:
        options["ssl.ca.location"] = str(settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        assert settings.kafka_password is not None  # checked with the settings
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["sasl.username"] = settings.kafka_username
        options["sasl.password"] = settings.kafka_password.get_secret_value()
    return options


def make_topics(settings: KafkaSettings, topics: tuple[str, ...], partitions: int, replication: int | None) -> None:
    """Makes those that are not there. That one is there, or that it may not be made, is only worth a log line.

    Raises KafkaException when the broker does not answer.
    """
    admin = AdminClient(connection_options(settings))
    known = admin.list_topics(timeout=ANSWER_SECONDS).topics
    for name in topics:
        found = known.get(name)
        if found is not None and found.error is None:
            if len(found.partitions) != partitions:
                log.warning("topic_partitions_differ", topic=name, found=len(found.partitions), wanted=partitions)
            continue
        made = admin.create_topics(
            [NewTopic(name, num_partitions=partitions, replication_factor=replication or -1)],
            operation_timeout=ANSWER_SECONDS,
            request_timeout=ANSWER_SECONDS,
        )[name]
        try:
            made.result()
            log.info("topic_made", topic=name, partitions=partitions)
        except KafkaException as error:
            if error_of(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                log.warning("topic_not_made", topic=name, cause=str(error))


def error_of(error: KafkaException) -> KafkaError:
    found: KafkaError = error.args[0]
    return found
