"""docs/protocol.md, the OpenAPI documents and the frontend's inputs say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from ops.schemas import FOLDER, SERVICES, describe_all, describe_service
from services.auth.settings import AuthSettings
from services.chat.settings import ChatSettings
from services.websocket.settings import WebsocketSettings
from shared.errors import AppError
from shared.wire import EVENTS

ROOT = Path(__file__).parent.parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()


def section(name: str) -> str:
    return PROTOCOL.split(f"\n## {name} ")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_is_in_the_protocol_and_the_other_way_round(name: str) -> None:
    described = {
        f"{method.upper()} {path.replace('{', ':').replace('}', '')}"
        for path, operations in describe_service(name)["paths"].items()
        for method in operations
    }
    written = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`\s]*)", section(name)))
    assert described == written


@pytest.mark.parametrize("name", SERVICES)
def test_every_openapi_document_is_valid(name: str) -> None:
    validate(describe_service(name))


def test_every_error_code_is_in_the_protocol() -> None:
    for name in SERVICES:
        describe_service(name)  # imports all that the service may raise
    in_sql = {
        code
        for path in (ROOT / "supabase" / "migrations").glob("*.sql")
        for code in re.findall(r"refuse\(\d+, '(\w+)'", path.read_text())
    }
    in_python = {error.code for error in list_subclasses(AppError) if "code" in vars(error)}
    assert len(in_sql) >= 6
    assert len(in_python) >= 20
    assert {code for code in in_sql | in_python if f"`{code}`" not in PROTOCOL} == set()


def list_subclasses(error: type[AppError]) -> list[type[AppError]]:
    return [one for direct in error.__subclasses__() for one in (direct, *list_subclasses(direct))]


def test_every_event_is_in_the_protocol() -> None:
    assert {name for name in EVENTS if f"`{name}`" not in section("websocket")} == set()


def test_what_the_frontends_types_are_made_from_is_fresh() -> None:
    stale = [name for name, text in describe_all().items() if (FOLDER / name).read_text() != text]
    assert stale == [], "run make types"


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    fields = [
        field
        for settings in (AuthSettings, ChatSettings, WebsocketSettings)
        for field in settings.model_fields.values()
    ]
    assert {field.alias for field in fields if f"| `{field.alias}` |" not in readme} == set()


@pytest.mark.parametrize("page", ["README.md", "docs/seeds.md"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", (ROOT / page).read_text())
    assert len(named) >= 10
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text())
    ]
    assert missing == []
