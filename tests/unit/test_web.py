"""What every service's HTTP has in common, on an app of two routes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from pydantic import Field
from structlog.testing import capture_logs

from shared.api import Answer, Api
from shared.errors import TooManyRequests, Unavailable
from shared.openapi import document
from shared.settings import Settings
from shared.web import install
from shared.wire import Input, Output, Text

PAGE = "http://localhost:3000"
api = Api("things")


class Thing(Input):
    name: Text
    size: int = Field(1, ge=1)


class Made(Output):
    name: str


class ThingsQuery(Input):
    ids: list[int] = Field([])


@api.on("POST", "/things", status=201)
def make_thing(body: Thing) -> Answer[Made]:
    """Makes a thing."""
    return Answer({"name": body.name})


@api.on("GET", "/things")
def list_things(query: ThingsQuery) -> Answer[Made]:
    """Lists things."""
    if query.ids == [13]:
        raise ZeroDivisionError("a secret inside")
    if query.ids == [14]:
        raise TooManyRequests(retry_after_seconds=7)
    return Answer({"name": json.dumps(query.ids)})


@pytest.fixture
def client() -> FlaskClient:
    down = {"cache": True}

    def check_cache() -> None:
        if down["cache"]:
            raise Unavailable("postgresql is away")

    app = Flask("things", static_folder=None)
    api.install(app)
    install(app, Settings.read({"PORT": "1"}), "Things", ready={"cache": check_cache})
    app.config["down"] = down
    return app.test_client()


def test_errors_have_one_shape_everywhere(client: FlaskClient) -> None:
    found = {
        client.get("/nowhere").status_code: client.get("/nowhere").get_json()["code"],
        client.delete("/things").status_code: client.delete("/things").get_json()["code"],
        client.get("/things?ids=13").status_code: client.get("/things?ids=13").get_json(),
    }
    assert found == {
        404: "not_found",
        405: "method_not_allowed",
        500: {"code": "internal_error", "message": "Something went wrong on our side."},
    }
    assert client.delete("/things").headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_wait_is_named_in_seconds(client: FlaskClient) -> None:
    answer = client.get("/things?ids=14")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_malformed_fields_are_named_and_not_repeated_back(client: FlaskClient) -> None:
    answer = client.post("/things", json={"name": 5, "size": "hunter2"})
    assert answer.status_code == 422
    assert [item["field"] for item in answer.get_json()["fields"]] == ["name", "size"]
    assert "hunter2" not in answer.text


def test_unknown_fields_are_ignored_and_types_are_exact(client: FlaskClient) -> None:
    assert client.post("/things", json={"name": "a", "new": 1}).status_code == 201
    assert client.post("/things", json={"name": "a", "size": 1.0}).status_code == 422
    assert client.post("/things", json={"name": "a", "size": True}).status_code == 422


def test_lists_in_a_query_are_repeated_or_comma_separated(client: FlaskClient) -> None:
    assert client.get("/things?ids=1,2&ids=3").get_json()["name"] == "[1, 2, 3]"
    assert client.get("/things?ids=1,x").status_code == 422


def test_a_request_id_is_kept_when_it_is_plain_and_made_otherwise(client: FlaskClient) -> None:
    assert client.get("/things", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    for odd in ("", "with space", "x" * 129, "é"):
        made = client.get("/things", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
        assert made != odd
        assert len(made) == 36


def test_only_an_allowed_origin_is_answered_across_origins(client: FlaskClient) -> None:
    allowed = client.options("/things", headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}).headers
    assert (allowed["Access-Control-Allow-Origin"], allowed["Access-Control-Allow-Credentials"]) == (PAGE, "true")
    assert "Retry-After" in client.get("/things", headers={"Origin": PAGE}).headers["Access-Control-Expose-Headers"]
    for origin in ("http://localhost:3001", "null", "http://localhost:3000.evil.org"):
        assert "Access-Control-Allow-Origin" not in client.get("/things", headers={"Origin": origin}).headers


def test_readiness_names_what_is_down(client: FlaskClient) -> None:
    away = client.get("/readyz")
    assert (away.status_code, away.get_json()["dependencies"]) == (503, {"cache": "postgresql is away"})
    assert away.headers["Retry-After"] == "1"
    client.application.config["down"]["cache"] = False
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_metrics_count_requests_by_route(client: FlaskClient) -> None:
    client.get("/things")
    assert 'pulse_http_requests_total{method="GET",route="/things",status="200"}' in client.get("/metrics").text


def test_made_up_methods_leave_no_figures_behind(client: FlaskClient) -> None:
    client.open("/things", method="MADEUP")
    figures = client.get("/metrics").text
    assert "MADEUP" not in figures
    assert 'pulse_http_requests_total{method="other",route="unknown",status="405"}' in figures


def test_the_openapi_document_is_valid_and_names_the_models(client: FlaskClient) -> None:
    made = client.get("/openapi.json").get_json()
    validate(made)
    assert set(made["paths"]["/things"]) == {"get", "post"}
    assert set(made["components"]["schemas"]) >= {"Thing", "Made", "Error"}
    assert document("Things", api.routes) == made
    assert "Makes a thing." in client.get("/docs").text


LOGGING = """
import logging, structlog
from shared.logs import configure_logs
configure_logs("things", "json", "info")
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger().info("signed_in", token="very-secret", user="ann")
logging.getLogger("library").warning("from a library")
structlog.get_logger().debug("too low")
"""


def test_logs_are_json_lines_without_secrets() -> None:
    ended = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, timeout=60, check=True)
    ours, library = (json.loads(line) for line in ended.stdout.splitlines())
    assert ours | {"timestamp": ""} == {
        "event": "signed_in",
        "token": "[redacted]",
        "user": "ann",
        "request_id": "r-1",
        "level": "info",
        "timestamp": "",
        "service": "things",
    }
    assert (library["event"], library["logger"]) == ("from a library", "library")


def test_the_request_line_names_the_route_and_never_the_query(client: FlaskClient) -> None:
    with capture_logs() as lines:
        client.get("/things?token_hash=very-secret", headers={"X-Request-Id": "r-1"})
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"]) == ("/things", 200)
    assert "very-secret" not in json.dumps(lines)
