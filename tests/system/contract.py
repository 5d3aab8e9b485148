"""Holds answers of the running services against the OpenAPI documents they serve themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

ERROR = {"$ref": "#/components/schemas/Error"}


@dataclass
class Contract:
    """One service's document."""

    document: dict[str, Any]
    _validators: dict[str, Any] = field(default_factory=dict)

    @property
    def operations(self) -> set[tuple[str, str]]:
        """(METHOD, /path/{template})."""
        return {(method.upper(), path) for path, methods in self.document["paths"].items() for method in methods}

    def check(self, response: requests.Response) -> None:
        """Raises AssertionError when the answer is not what the document promises."""
        method, path = str(response.request.method), urlsplit(str(response.request.url)).path
        where = f"{method} {path} → {response.status_code}"
        if response.status_code >= 400:
            self._validate(ERROR, response, where)
            return
        operation = self._find_operation(method, path)
        if operation is None:
            return
        promised = operation["responses"].get(str(response.status_code))
        assert promised, f"{where}: documented are {sorted(operation['responses'])}"
        content = promised.get("content", {}).get("application/json")
        if content:
            self._validate(content["schema"], response, where)
        else:
            is_json = response.headers.get("Content-Type", "").startswith("application/json")
            assert not is_json, f"{where}: no body is documented"

    def _find_operation(self, method: str, path: str) -> dict[str, Any] | None:
        for template, methods in self.document["paths"].items():
            if method.lower() in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                found: dict[str, Any] = methods[method.lower()]
                return found
        return None

    def _validate(self, schema: dict[str, Any], response: requests.Response, where: str) -> None:
        key = str(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        assert response.headers["Content-Type"].startswith("application/json"), f"{where}: {response.text[:200]}"
        for problem in self._validators[key].iter_errors(response.json()):
            raise AssertionError(f"{where}: {problem.json_path} {problem.message}")
