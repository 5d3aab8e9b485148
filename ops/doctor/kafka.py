"""The Kafka of KAFKA_BOOTSTRAP_SERVERS: whether its brokers are reached where they say they are, and our topics."""

import socket
from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ops.doctor.lines import Line, fail, ok, skip, warn
from ops.doctor.setup import Setup
from services.chat.kafka.connection import DEAD, MESSAGES, USERS, connection_options
from services.chat.kafka.settings import KafkaSettings
from shared.settings import SettingsError

NAME = "KAFKA_BOOTSTRAP_SERVERS"
NEEDED = ("READ", "WRITE", "DESCRIBE")
STAND_IN = {"SERVICE_TOKEN": "-" * 32}  # asked of every service, and no matter here

Lines = Iterator[Line]


def check_kafka(setup: Setup) -> Lines:
    try:
        settings = KafkaSettings.read({**STAND_IN, **setup.values, "PORT": "1"})
    except SettingsError:
        return  # said of the services that read it
    said: list[str] = []
    options = connection_options(settings) | {"error_cb": lambda error: said.append(error.str())}
    admin = AdminClient(options)
    try:
        cluster = admin.list_topics(timeout=setup.patience_seconds)
    except KafkaException as reason:
        admin.poll(0)
        yield _explain(reason.args[0], said)
        return
    yield ok(NAME, f"lets us in; {len(cluster.brokers)} in the cluster {cluster.cluster_id}")
    away = list(_check_brokers(cluster, setup.patience_seconds))
    yield from away
    if away:
        return  # every question about a topic would wait for them
    for name in (MESSAGES, USERS, DEAD):
        yield from _check_topic(setup, admin, cluster, name)


def _explain(error: KafkaError, said: list[str]) -> Line:
    told = " ".join([*dict.fromkeys(said)][:2]) or error.str()
    low = told.lower()
    if "authentication" in low or "sasl" in low:
        return fail(NAME, f"the login is not taken ({told})", "KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_SASL_MECHANISM")
    if "ssl" in low or "certificate" in low:
        return fail(NAME, f"no TLS with it ({told})", "KAFKA_SECURITY_PROTOCOL, KAFKA_CA_FILE")
    remedy = "start it, or mend the address; a broker that wants TLS or a login also ends silent connections"
    return fail(NAME, f"cannot be reached ({told})", remedy)


def _check_brokers(cluster: Any, seconds: float) -> Lines:
    """Clients go on to the addresses the brokers advertise, whatever they were told first."""
    for broker in cluster.brokers.values():
        try:
            socket.create_connection((broker.host, broker.port), timeout=seconds).close()
        except OSError as reason:
            place = f"{broker.host}:{broker.port}"
            yield fail(
                "Kafka's brokers",
                f"one says it is at {place}, which cannot be reached from here ({reason.strerror or reason})",
                "set advertised.listeners to what its clients can reach",
            )


def _check_topic(setup: Setup, admin: AdminClient, cluster: Any, name: str) -> Lines:
    found = cluster.topics.get(name)
    wanted = int(setup.get("KAFKA_PARTITIONS", "12"))
    if found is None or found.error is not None:
        yield _try_to_make(setup, admin, name, wanted)
        return
    if name != DEAD and len(found.partitions) != wanted:  # the bridge makes that one, with as many as it likes
        yield warn(
            name,
            f"has {len(found.partitions)} partitions, KAFKA_PARTITIONS is {wanted}",
            "say what there is; more later changes which partition a conversation is in",
        )
    refused = _find_refused(setup, admin, name)
    if refused is None:
        yield ok(name, f"{len(found.partitions)} partitions; rights cannot be asked here")
    elif refused:
        yield fail(name, f"this login may not {', '.join(refused)}", "give it READ, WRITE and DESCRIBE on the topics")
    else:
        yield ok(name, f"{len(found.partitions)} partitions, may be read and written")


def _find_refused(setup: Setup, admin: AdminClient, name: str) -> list[str] | None:
    """None where the broker does not tell."""
    try:
        asked: Any = admin.describe_topics(
            TopicCollection([name]), include_authorized_operations=True, request_timeout=setup.patience_seconds
        )
        allowed = {operation.name for operation in asked[name].result().authorized_operations or []}
    except KafkaException:
        return None
    return [right for right in NEEDED if right not in allowed] if allowed else None


def _try_to_make(setup: Setup, admin: AdminClient, name: str, partitions: int) -> Line:
    """Only whether it could be: nothing is made."""
    topic = NewTopic(name, num_partitions=partitions, replication_factor=int(setup.get("KAFKA_REPLICATION", "-1")))
    try:
        admin.create_topics([topic], validate_only=True, request_timeout=setup.patience_seconds)[name].result()
    except KafkaException as reason:
        error: KafkaError = reason.args[0]
        if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
            return fail(name, "is not there, and this login may not make it", "make it, or give the login CREATE")
        if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
            return fail(name, f"cannot be made ({error.str()})", "KAFKA_REPLICATION: not more than there are brokers")
        return skip(name, f"is not there yet; whether it can be made is not told ({error.str()})")
    return ok(name, "is not there yet; chat makes it when it starts")
