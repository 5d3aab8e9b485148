"""What chat and the bridge say of wrong Kafka settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import certifi
import pytest
from confluent_kafka import KafkaException

from services.chat.bridge.settings import BridgeSettings
from services.chat.kafka.connection import connection_options
from services.chat.kafka.publisher import Publisher
from services.chat.settings import ChatSettings
from shared.settings import SettingsError
from tests.kafka.conftest import SERVICE_TOKEN, chat_settings

CHAT = {"DATABASE_URL": "postgresql://u@h/d", "SERVICE_TOKEN": SERVICE_TOKEN}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka"}, "must be like kafka1:9092"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka:99999"}, "must be like kafka1:9092"),
        ({"KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_PASSWORD": "x"}, "KAFKA_USERNAME: is needed"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USERNAME": "x"}, "KAFKA_PASSWORD: is needed"),
        ({"KAFKA_CA_FILE": "/nowhere"}, "KAFKA_CA_FILE: is no file"),
        ({"KAFKA_CA_FILE": "/"}, "KAFKA_CA_FILE: holds no certificate that can be read"),
        ({"KAFKA_CA_FILE": __file__}, "KAFKA_CA_FILE: holds no certificate that can be read"),
        ({"KAFKA_PARTITIONS": "0"}, "KAFKA_PARTITIONS"),
        ({"DELIVERY": "kafka"}, "kafka needs KAFKA_BOOTSTRAP_SERVERS"),
        ({"DELIVERY": "pigeon"}, "DELIVERY"),
    ],
)
def test_wrong_settings_are_named(given: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        ChatSettings.read(CHAT | given)
    assert len(error.value.problems) == 1
    assert problem in error.value.problems[0]


def test_without_kafka_nothing_of_it_is_loaded() -> None:
    program = "import sys, services.chat.app; sys.exit('confluent_kafka' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_bridge_needs_kafka() -> None:
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        BridgeSettings.read({"SERVICE_TOKEN": SERVICE_TOKEN})


def test_a_login_reaches_the_client_and_its_password_nothing_else(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(Path(certifi.where()).read_text())
    login = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USERNAME": "pulse", "KAFKA_PASSWORD": "hunter2-hunter2"}
    settings = chat_settings("k1:9092, k2:9092", KAFKA_SASL_MECHANISM="SCRAM-SHA-512", KAFKA_CA_FILE=str(ca), **login)
    options = connection_options(settings)
    assert options["bootstrap.servers"] == "k1:9092,k2:9092"
    assert (options["sasl.mechanism"], options["sasl.password"]) == ("SCRAM-SHA-512", "hunter2-hunter2")
    assert options["ssl.ca.location"] == str(ca)
    assert "hunter2" not in repr(settings)
    Publisher(settings).close()
    ca.write_text("")
    with pytest.raises(KafkaException) as error:  # an empty file is no certificate
        Publisher(settings)
    assert "hunter2" not in str(error.value)
