"""``make types``: writes what the frontend's TypeScript types are generated from.

The three services' OpenAPI documents, and one with every socket event, go to ``frontend/src/api/generated``.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from shared.openapi import document
from shared.settings import ServiceSettings
from shared.wire import EVENTS

FOLDER = Path(__file__).parent.parent / "frontend" / "src" / "api" / "generated"
SETTINGS = {
    "SERVICE_TOKEN": "only-for-writing-the-documents-here",
    "AUTH_SECRET": "only-for-writing-the-documents-here",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
}
SERVICES = {"auth": "AuthSettings", "chat": "ChatSettings", "websocket": "WebsocketSettings"}


def describe_service(name: str) -> dict[str, Any]:
    """The service's OpenAPI document, as it would serve it."""
    settings_class: type[ServiceSettings] = getattr(import_module(f"services.{name}.settings"), SERVICES[name])
    app = import_module(f"services.{name}.app").create_app(settings_class.read(SETTINGS))
    described: dict[str, Any] = app.test_client().get("/openapi.json").get_json()
    return described


def describe_events() -> dict[str, Any]:
    """Components only: ``Events`` maps an event's name to its data."""
    fields: dict[str, Any] = {
        name.replace(".", "_"): (model, Field(alias=name, serialization_alias=name)) for name, model in EVENTS.items()
    }
    events: type[BaseModel] = create_model("Events", **fields)
    return document("Pulse socket events", [], {"Events": events})


def describe_all() -> dict[str, str]:
    """File name to content."""
    documents = {f"{name}.json": describe_service(name) for name in SERVICES}
    documents["events.json"] = describe_events()
    return {name: json.dumps(body, indent=1, ensure_ascii=False) + "\n" for name, body in documents.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, content in describe_all().items():
        (FOLDER / name).write_text(content)
