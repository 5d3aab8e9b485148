"""The OpenAPI 3.1 document and its page, made from the routes' own models."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Flask, Response, jsonify, render_template_string
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.api import Route
from shared.docs_page import PAGE, STYLE
from shared.errors import AppError, BadJson, Malformed, NotAuthenticated, WrongMediaType
from shared.wire import Error

REF = "#/components/schemas/{model}"
CONVERTERS = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer"}}


def install_docs(app: Flask, title: str) -> None:
    """Adds ``/openapi.json`` and ``/docs``, made when somebody first asks: no start waits for them."""

    @cache
    def made() -> dict[str, Any]:
        return document(title, app.extensions.get("pulse.routes", []))

    @app.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(made())

    @app.get("/docs")
    def docs() -> Response:
        page = render_template_string(PAGE, document=made())
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        return response

    @app.get("/docs/style.css")
    def docs_style() -> Response:
        return Response(STYLE, mimetype="text/css")


def document(title: str, routes: list[Route], extra: dict[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """``extra`` models come into the components beside what the routes use."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Error, "serialization")]
    for route in routes:
        models += [(model, "validation") for model in (route.body, route.query) if model]
        if route.answer:
            models.append((route.answer, "serialization"))
    models += [(model, "serialization") for model in (extra or {}).values()]
    refs, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    schemas = definitions.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "pulse_access"},
                "service": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(route: Route, refs: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    text = (route.view.__doc__ or route.view.__name__.replace("_", " ")).strip()
    operation: dict[str, Any] = {
        "operationId": route.view.__name__ + ("_alias" if route.alias else ""),
        "tags": [route.tag],
        "summary": text.split("\n")[0],
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas)],
        "responses": {str(status): _success(route, refs) for status in sorted((route.status, *route.also))},
    }
    if "\n" in text:
        operation["description"] = re.sub(r"\s*\n\s*", " ", text)
    errors: list[type[AppError]] = list(route.errors)
    if route.body:
        media = ["application/json", *(["application/x-www-form-urlencoded"] if route.form else [])]
        operation["requestBody"] = {
            "required": any(info.is_required() for info in route.body.model_fields.values()),
            "content": {kind: {"schema": refs[(route.body, "validation")]} for kind in media},
        }
        errors += [BadJson, WrongMediaType]
    if route.body or route.query:
        errors.append(Malformed)
    if route.needs_caller or route.for_services:
        errors.append(NotAuthenticated)
        operation["security"] = [{"service": []}] if route.for_services else [{"token": []}, {"cookie": []}]
    for status in sorted({error.status for error in errors}):
        codes = ", ".join(dict.fromkeys(error.code for error in errors if error.status == status))
        operation["responses"][str(status)] = {
            "description": codes,
            "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
        }
    return operation


def _success(route: Route, refs: Any) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "done"}
    schema = refs[(route.answer, "serialization")]
    return {"description": "done", "content": {"application/json": {"schema": schema}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = re.findall(r"<(?:(\w+):)?(\w+)>", route.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": CONVERTERS.get(kind, {"type": "string"})}
        for kind, name in found
    ]


def _query_parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = schemas[route.query.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": properties}
        for name, properties in schema["properties"].items()
    ]
